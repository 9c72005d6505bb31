/** What a request would come to, before it is made: price, time and the fate of each parameter, by a dry run. */

import { aborted, api, Problem } from "./api.js";
import { h, replace } from "./dom.js";
import { money, seconds, usd } from "./format.js";
import { icon } from "./icons.js";

const DEBOUNCE_MS = 350;
const RETRY_MS = 5000;

/** Asks for forecasts as the form changes; `told` gets {forecast}, or {problem} where there is none. */
export function forecaster(told) {
  let timer = 0;
  let asking = null;
  let last = "";

  async function ask(body) {
    asking = new AbortController();
    try {
      const forecast = await api.post(
        "/v1/generations",
        { ...body, dry_run: true },
        { signal: asking.signal, safe: true },
      );
      told({ forecast });
    } catch (problem) {
      if (aborted(problem)) return;
      if (!(problem instanceof Problem)) throw problem;
      told({ problem });
      last = ""; // so that the same form may be asked for again
      const passes = problem.status === 429 || problem.status === 0 || problem.status >= 500;
      if (passes) later(body, Math.max(RETRY_MS, (problem.retryAfter ?? 0) * 1000));
    }
  }

  function later(body, milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(() => ask(body), milliseconds);
  }

  return {
    /** Asks soon, unless what matters (`sign`) is as it was. */
    soon(body, sign) {
      if (sign === last) return;
      last = sign;
      asking?.abort();
      later(body, DEBOUNCE_MS);
    },
    stop() {
      clearTimeout(timer);
      asking?.abort();
      last = "";
    },
  };
}

/** The forecast as it stands beside the form. */
export function forecastCard(forecast, pictures) {
  const [first] = forecast.routes;
  const most = forecast.reserves?.amount;
  const more = most && Number(most) > Number(first.estimated_usd.amount);
  return h(
    "div",
    { class: "forecast" },
    h(
      "div",
      { class: "figures" },
      figure(
        usd(first.estimated_usd.amount),
        pictures > 1 ? `for ${pictures} pictures` : "for the picture",
        first.price.currency === "USD" ? null : money(first.price),
      ),
      figure(
        about(first.expected_seconds.typical),
        "expected",
        `${seconds(Math.ceil(first.expected_seconds.slow))} when it is slow`,
      ),
      figure(first.vendor, first.route, null),
    ),
    more && h("p", { class: "small soft" }, `At most ${usd(most)}, should another route have to take over.`),
    fate(first.parameters),
  );
}

const about = (number) => `≈ ${seconds(Math.ceil(number))}`;

function figure(value, words, title) {
  return h(
    "div",
    { class: "figure", title },
    h("p", { class: "figure-value number" }, value),
    h("p", { class: "small soft" }, words),
  );
}

const FATES = [
  ["truncated", "Cut", "warn", (cut) => `${cut.from} → ${cut.to} characters`],
  ["dropped", "Dropped", "warn", (why) => why],
  ["mapped", "Mapped", "info", ({ from, to }) => `${shown(from)} → ${shown(to)}`],
  ["applied", "Applied", "good", shown],
];

const NAMES = { n: "Pictures", images: "Input pictures" };

/** What becomes of each parameter on a route: a row each, losses first. Null where there is nothing to say. */
export function fate(parameters) {
  const rows = FATES.flatMap(([key, words, kind, tell]) =>
    Object.entries(parameters?.[key] ?? {}).map(([name, value]) =>
      h(
        "tr",
        null,
        h("th", { scope: "row" }, NAMES[name] ?? name.replaceAll("_", " ")),
        h("td", null, h("span", { class: "badge", "data-status": kind }, words)),
        h("td", null, tell(value)),
      ),
    ),
  );
  return rows.length
    ? h(
        "table",
        { class: "table fate" },
        h("caption", { class: "unseen" }, "What becomes of the parameters"),
        h("tbody", null, rows),
      )
    : null;
}

function shown(value) {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (value !== null && typeof value === "object")
    return Object.entries(value)
      .map(([name, inner]) => `${name} ${shown(inner)}`)
      .join(", ");
  return String(value).replace(/^(\d+)\*(\d+)$/, "$1 × $2");
}

/** Why there is no forecast. Errors at fields are shown there; this is for the rest. */
export function forecastProblem(problem) {
  const words =
    problem.status === 429 ? "Too many requests a minute for this key: the price comes in a moment." : problem.detail;
  return h(
    "div",
    { class: "note", "data-kind": problem.errors.length ? "warn" : "bad" },
    h("p", { class: "with-icon" }, icon("alert"), h("span", null, words)),
  );
}
