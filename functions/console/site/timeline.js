/** The attempt log as a timeline: each turn, ask, answer and bill. */

import { h } from "./dom.js";
import { money, seconds, statusWord } from "./format.js";
import { between } from "./facts.js";

const WORDS = {
  created: "Created",
  waiting: "Waited for its turn",
  asked: "Asked the vendor",
  accepted: "The vendor took it",
  rejected: "The vendor refused",
  unknown: "The answer was lost",
  succeeded: "The vendor delivered",
  failed: "The vendor failed",
};
const KINDS = { succeeded: "good", accepted: "info", rejected: "warn", unknown: "bad", failed: "bad" };
const FIGURES = { billed: "billed", possibly_billed: "possibly billed", refunded: "refunded" };

/** An ordered list of the events, with the time since the first. */
export function timeline(events) {
  const start = events[0]?.at;
  return h(
    "ol",
    { class: "timeline" },
    events.map((event) => entry(event, start)),
  );
}

function entry(event, start) {
  const last = event.type === "ended";
  const kind = last ? (event.status === "succeeded" ? "good" : "bad") : (KINDS[event.type] ?? "plain");
  return h(
    "li",
    { "data-kind": kind },
    h(
      "div",
      { class: "what" },
      h("strong", null, last ? statusWord(event.status) : WORDS[event.type]),
      h(
        "time",
        { datetime: event.at, title: event.at, class: "soft number" },
        `+${seconds(Math.max(0, between(start, event.at)))}`,
      ),
    ),
    details(event).map((line) => h("p", { class: "small" }, line)),
  );
}

/** What an event tells, a line each. */
function details(event) {
  const figures = Object.entries(FIGURES)
    .filter(([name]) => event[name])
    .map(([name, words]) => `${money(event[name])} ${words}`);
  return [
    event.route && h("code", null, event.route),
    event.type === "created" &&
      `${event.routes.length} ${event.routes.length === 1 ? "route" : "routes"}, in the order of ` +
        (event.by === "caller" ? "the request" : `the policy ${event.by}`),
    event.because && h("span", { class: "soft" }, event.because),
    event.type === "asked" && event.quoted && `${money(event.quoted)} quoted`,
    event.task_id && h("span", { class: "soft" }, "task ", h("code", null, event.task_id)),
    event.request_id && h("span", { class: "soft" }, "request ", h("code", null, event.request_id)),
    failure(event.error),
    figures.join(", "),
  ].filter(Boolean);
}

function failure(error) {
  if (!error) return null;
  const parts = [error.code, error.vendor_code, error.http_status && `HTTP ${error.http_status}`].filter(Boolean);
  return [error.message ?? "", error.message ? " " : "", h("code", null, [...new Set(parts)].join(" · "))];
}
