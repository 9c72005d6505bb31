/** A generation on its way: its states, the time it is expected to take, and a way to cancel. Never lies about time. */

import { api, Problem } from "./api.js";
import { announce, h, replace, toast } from "./dom.js";
import { billWords } from "./facts.js";
import { seconds, statusWord } from "./format.js";
import { icon } from "./icons.js";

const STATES = ["queued", "submitting", "processing", "persisting"];
const SOON_SECONDS = 2; // while it passes through its first states quickly
const LONG_SECONDS = 20;
const BREATH_MS = 250; // between two answers that came at once
const PATIENCE_MS = 120_000; // beyond the deadline: by then Easel has ended it
const LONGEST_PAUSE_MS = 15_000;
export const ENDED = new Set(["succeeded", "failed", "canceled", "expired"]);

/**
 * Follows a generation to its end: `changed(generation, offset)` for each state, `lost(problem)` for each call that
 * failed while it goes on trying. `offset` is how far this clock is behind the server's, in milliseconds.
 */
export async function follow(id, { signal, changed, lost }) {
  let failures = 0;
  let until = Date.now() + 3_600_000 + PATIENCE_MS; // the longest deadline that there is
  let wait;
  while (Date.now() < until) {
    try {
      const { body: generation, headers } = await api.ask(
        "GET",
        `/v1/generations/${encodeURIComponent(id)}`,
        undefined,
        { signal, query: { wait } },
      );
      const offset = Date.parse(headers.get("date")) - Date.now() || 0; // 0 too where there is no such header
      until = new Date(generation.deadline_at) - offset + PATIENCE_MS;
      failures = 0;
      changed(generation, offset);
      if (ENDED.has(generation.status)) return generation;
      wait = generation.status === "processing" ? LONG_SECONDS : SOON_SECONDS;
      await pause(BREATH_MS, signal);
    } catch (problem) {
      if (!passes(problem)) throw problem;
      lost(problem);
      failures += 1;
      await pause(Math.max((problem.retryAfter ?? 0) * 1000, Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** failures)), signal);
    }
  }
  throw new Problem({ status: 0, code: "timeout", title: "Easel has not said how this ended. Look into the gallery." });
}

const passes = (error) =>
  error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500);

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(new DOMException("left", "AbortError"));
      },
      { once: true },
    );
  });
}

/** The view of a generation on its way; `show(generation, offset)` brings it up to date. */
export function progressView() {
  const rail = h(
    "ol",
    { class: "rail", "aria-label": "States" },
    STATES.map((state) => h("li", { "data-state": state }, statusWord(state))),
  );
  const bar = h("progress", { class: "progress", max: 1, "aria-label": "Time expected" });
  const words = h("p", { class: "time-words number" });
  const lost = h("p", { class: "small", role: "status" });
  const cancel = h(
    "button",
    { class: "button small", type: "button", on: { click: askToCancel } },
    icon("cancel"),
    "Cancel",
  );
  const sure = h("div", { class: "note cancel-note", "data-kind": "warn", hidden: true });
  const element = h("div", { class: "watching" }, rail, bar, words, lost, h("div", { class: "buttons" }, cancel), sure);
  let now = null;
  let behind = 0;
  let usual = null; // when this ask of a vendor would end, by its first estimate
  let asks = -1;
  const clock = setInterval(tick, 500);

  function tick() {
    if (!now) return;
    const told = timing(now, Date.now() + behind, usual);
    if (told.share === null) bar.removeAttribute("value");
    else bar.value = told.share;
    if (words.textContent !== told.words) words.textContent = told.words;
    element.dataset.over = told.over;
  }

  function askToCancel() {
    const asked = now?.receipt.attempts.length > 0;
    replace(
      sure,
      h(
        "p",
        null,
        asked
          ? "The vendor has the job already, and may bill it although you will not get the picture."
          : "No vendor has been asked yet. If one is asked at this very moment, it may bill.",
      ),
      h(
        "div",
        { class: "buttons" },
        h("button", { class: "button danger small", type: "button", on: { click: doCancel } }, "Cancel it"),
        h("button", { class: "button quiet small", type: "button", on: { click: keep } }, "Keep waiting"),
      ),
    );
    sure.hidden = false;
    cancel.disabled = true;
    sure.querySelector("button").focus();
  }

  function keep() {
    sure.hidden = true;
    cancel.disabled = false;
    cancel.focus();
  }

  async function doCancel() {
    for (const button of sure.querySelectorAll("button")) button.disabled = true;
    try {
      const ended = await api.post(`/v1/generations/${now.id}/cancel`);
      toast(`Canceled. ${billWords(ended)}`);
    } catch (problem) {
      toast(
        problem.status === 409 ? "It had ended before it could be canceled." : problem.message,
        problem.status === 409 ? "info" : "bad",
      );
      keep();
    }
  }

  return {
    element,
    show(generation, offset) {
      const place = STATES.indexOf(generation.status);
      if (generation.status !== now?.status) announce(statusWord(generation.status));
      now = generation;
      if (generation.receipt.attempts.length !== asks || generation.status === "persisting" || !usual) {
        usual = generation.estimated_completion_at && new Date(generation.estimated_completion_at).getTime();
      }
      asks = generation.receipt.attempts.length;
      behind = offset;
      replace(lost, null);
      [...rail.children].forEach((item, index) => {
        item.dataset.passed = index < place;
        if (index === place) item.setAttribute("aria-current", "step");
        else item.removeAttribute("aria-current");
      });
      tick();
    },
    lost: (problem) =>
      replace(lost, icon("alert"), ` ${problem.message} Trying again; the generation goes on meanwhile.`),
    stop: () => clearInterval(clock),
  };
}

/**
 * How far it is, at a time: {share: 0 to .96, or null where nobody can say, words, over}. `usual` is the first
 * estimate for this ask of a vendor; Easel's later ones grow with the delay, which is then said.
 */
export function timing(generation, time, usual) {
  const begun = new Date(generation.created_at).getTime();
  const gone = seconds(Math.floor(Math.max(0, time - begun) / 1000));
  if (!usual) return { share: null, words: `${gone} so far`, over: false };
  const left = (new Date(generation.estimated_completion_at).getTime() - time) / 1000;
  const over = time > usual + 1000;
  if (over)
    return {
      share: null,
      words: `${gone} so far, longer than usual${left > 3 ? `; perhaps ${seconds(Math.ceil(left))} more` : ""}`,
      over,
    };
  const words = left < 2 ? "Any moment now" : `About ${seconds(Math.ceil(left))} left`;
  return { share: Math.max(0, Math.min(0.96, (time - begun) / (usual - begun))), words, over };
}
