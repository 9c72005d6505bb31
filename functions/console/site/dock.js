/** What stays in reach below the form: the price, the button, and why nothing was asked for. */

import { h, replace } from "./dom.js";
import { seconds, usd } from "./format.js";
import { icon } from "./icons.js";

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/** The dock; `generate` is called on a click, and by nothing else: no Enter in a field buys by accident. */
export function dock(generate) {
  const price = h("p", { class: "price number" }, "–");
  const words = h("p", { class: "small soft" });
  const note = h("div", { class: "refusal", role: "alert" });
  const keys = h("kbd", { "aria-hidden": "true" }, MAC ? "⌘ ↵" : "Ctrl ↵");
  const button = h("button", { class: "button primary", type: "button", on: { click: generate } }, "Generate", keys);
  const row = h("div", { class: "dock-row" }, h("div", { class: "dock-words" }, price, words), button);
  return {
    element: h("div", { class: "dock" }, note, row),
    /** The first route's price and time; where there is no forecast, the words that say why. */
    tell(forecast, why) {
      const first = forecast?.routes[0];
      replace(price, first ? usd(first.estimated_usd.amount) : "–");
      replace(words, first ? summary(first) : why);
    },
    refuse: (told) => replace(note, told),
    busy: (now) => button.setAttribute("aria-disabled", String(now)),
  };
}

function summary(first) {
  const { dropped, truncated } = first.parameters;
  const lost = Object.keys({ ...dropped, ...truncated }).length;
  const loss = h("span", { class: "loss" }, icon("alert"), `${lost} parameter${lost > 1 ? "s" : ""} not honoured`);
  return [`≈ ${seconds(Math.ceil(first.expected_seconds.typical))} · ${first.route}`, lost > 0 && loss];
}
