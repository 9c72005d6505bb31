/** Asking again until something has ended: as often as the answer's Retry-After says, and never in a hidden tab. */

import { aborted } from "./api.js";

const USUAL_SECONDS = 5,
  SECONDS_MAX = 60,
  SECONDS_MIN = 1;
const LASTING = 500; // what is wrong with a call (4xx) stays wrong; what is wrong with the server may pass

/** Calls `ask(signal)`, which gives {headers, body}, and `told(body)` with each answer: false ends it, a number is
    the seconds to wait. `failed(problem, seconds)` is told of what went wrong; seconds is null where that ends it.
    Gives {now(), stop()}. */
export function poll(ask, told, failed) {
  const over = new AbortController();
  let timer = null;
  let busy = false;
  let misses = 0;

  async function look() {
    clearTimeout(timer);
    timer = null;
    if (over.signal.aborted || document.hidden || busy) return;
    busy = true;
    let wait = USUAL_SECONDS; // where one answer cannot be shown, the next may be
    try {
      wait = await once();
    } finally {
      busy = false;
      if (wait === null) stop();
      else if (!over.signal.aborted) timer = setTimeout(look, wait * 1000);
    }
  }

  /** Seconds until the next look; null ends it. */
  async function once() {
    const answer = await ask(over.signal).catch((problem) => problem);
    if (over.signal.aborted || aborted(answer)) return null;
    if (answer instanceof Error) return missed(answer);
    misses = 0;
    const word = told(answer.body);
    return word === false ? null : typeof word === "number" ? word : patience(answer.headers.get("retry-after"));
  }

  function missed(problem) {
    misses += 1;
    const wait = lasts(problem) ? null : Math.min(SECONDS_MAX, problem.retryAfter ?? 2 ** misses);
    failed(problem, wait);
    return wait;
  }

  const seen = () => {
    if (!document.hidden && timer === null) look();
  };
  function stop() {
    over.abort();
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  }

  document.addEventListener("visibilitychange", seen);
  look();
  return { now: look, stop };
}

const lasts = ({ status }) => status >= 400 && status < LASTING && status !== 429 && status !== 408;

function patience(header) {
  const seconds = Number.parseInt(header ?? "", 10);
  return Number.isNaN(seconds) ? USUAL_SECONDS : Math.max(SECONDS_MIN, Math.min(SECONDS_MAX, seconds));
}
