/** Asking for a generation: bought once, however often the answer is lost; and clear words when it is refused. */

import { api, Problem } from "./api.js";
import { asked, mayBeTaken } from "./asking.js";
import { h } from "./dom.js";
import { seconds } from "./format.js";
import { icon } from "./icons.js";

const TRIES = 4;

/** Asks for it and gives the generation. Lost answers are asked for again under the same key: nothing is bought twice. */
export async function buy(body, signal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await asked(body, (headers) => api.post("/v1/generations", body, { headers, signal }));
    } catch (problem) {
      if (attempt === TRIES || !(problem instanceof Problem && mayBeTaken(problem))) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt));
      signal.throwIfAborted();
    }
  }
}

const TITLES = {
  402: "A budget is used up",
  403: "This key may not do that",
  413: "The pictures are too large together",
  429: "Too much at once",
  0: "Easel cannot be reached",
};

/** Why nothing was asked for, beside the button; null where every error stands at its field. `again` tries once more. */
export function refusalNote(problem, elsewhere, again) {
  if (!problem)
    return elsewhere.length ? note("warn", "Not yet", elsewhere.map((error) => error.message).join("; ")) : null;
  if (problem.status === 422 && problem.errors.length) {
    return elsewhere.length
      ? note("bad", "Not possible like this", elsewhere.map((error) => `${error.field}: ${error.message}`).join("; "))
      : null;
  }
  const title = TITLES[problem.status] ?? problem.title;
  const more = [];
  if (problem.status === 402) more.push(h("a", { class: "button small", href: "#/usage" }, icon("usage"), "See usage"));
  if (problem.status === 429) more.push(countdown(problem.retryAfter ?? 5, again));
  if (mayBeTaken(problem))
    more.push(h("button", { class: "button small", type: "button", on: { click: again } }, icon("retry"), "Try again"));
  const words = [
    problem.detail === title && !mayBeTaken(problem) ? "Nothing is lost; what you wrote stays here." : problem.detail,
    mayBeTaken(problem) &&
      "Your request may have been taken all the same; trying again with it unchanged buys nothing twice.",
  ];
  return note(problem.status === 429 ? "warn" : "bad", title, words.filter(Boolean).join(" "), more);
}

function note(kind, title, words, more = []) {
  return h(
    "div",
    { class: "note", "data-kind": kind },
    h("p", { class: "with-icon" }, icon("alert"), h("span", null, h("strong", null, title), h("br"), words)),
    more.length ? h("div", { class: "buttons" }, more) : null,
  );
}

/** A button that may be pressed when the wait is over; it never presses itself, since that would buy. */
function countdown(wait, again) {
  const ends = Date.now() + wait * 1000;
  const button = h("button", {
    class: "button small",
    type: "button",
    "aria-disabled": "true",
    on: { click: () => Date.now() >= ends && again() },
  });
  const tick = () => {
    const left = Math.ceil((ends - Date.now()) / 1000);
    button.textContent = left > 0 ? `Try again in ${seconds(left)}` : "Try again";
    if (left <= 0) button.removeAttribute("aria-disabled");
    else if (left === wait || button.isConnected) setTimeout(tick, 500);
  };
  tick();
  return button;
}
