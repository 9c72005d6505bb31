/** Usage and health: what was spent by day, route and model, how routes fare, and what is left of the key's limits. */

import { aborted, api } from "./api.js";
import { bars, columns, swatch } from "./charts.js";
import { announce, h, replace } from "./dom.js";
import { money } from "./format.js";
import { healthPart, limitsPart, routesOf, summary } from "./health.js";
import { icon } from "./icons.js";
import { poll } from "./polling.js";
import { about, binsOf, firstDay, seriesOf, success, together } from "./usage_figures.js";

const PERIODS = [7, 30, 90],
  PERIOD_USUAL = 30;
const DAY_WIDTH_MIN = 7; // px; days narrower than that are drawn as weeks
const HEALTH_SECONDS = 20;
const COLUMNS = [
  "day",
  "model",
  "route",
  "generations",
  "succeeded",
  "failed",
  "expired",
  "canceled",
  "images",
  "billed",
  "possibly_billed",
  "refunded",
];

/** The place #/usage[?days=7|30|90]. */
export function place({ query }) {
  const asked = Number(query.get("days"));
  const view = {
    days: PERIODS.includes(asked) ? asked : PERIOD_USUAL,
    over: new AbortController(),
    routes: [],
    usage: null,
    parts: {
      verdict: h("div"),
      spend: h("div", { class: "spend" }, waiting("22rem")),
      health: h("div", null, waiting("16rem")),
      limits: h("div", null, waiting("5rem")),
    },
    chart: columns({ label: "Spend by day", format: (number, axis) => (axis ? axisDollars(number) : about(number)) }),
  };
  const element = h(
    "div",
    { class: "usage" },
    h("div", { class: "heading" }, h("h1", null, "Usage and health"), periods(view)),
    view.parts.verdict,
    view.parts.spend,
    h(
      "section",
      { class: "part", "aria-labelledby": "health-words" },
      h("h2", { id: "health-words" }, "Vendors and routes"),
      view.parts.health,
    ),
    h(
      "section",
      { class: "part", "aria-labelledby": "limits-words" },
      h("h2", { id: "limits-words" }, "Limits"),
      h("div", { class: "card padded" }, view.parts.limits),
    ),
  );
  view.asked = new Promise((resolve) => (view.wereAsked = resolve)); // the routes, with whatever came of it
  const health = poll(
    (signal) => api.ask("GET", "/v1/models", undefined, { signal }),
    (answer) => showRoutes(view, answer.data),
    (problem) => {
      view.wereAsked();
      if (!view.routes.length)
        replace(
          view.parts.health,
          trouble(problem, () => health.now()),
        );
    },
  );
  readUsage(view);
  readLimits(view);
  const stop = () => [view.over.abort(), view.chart.stop(), health.stop()];
  return { title: "Usage and health", element, stop };
}

const waiting = (height) => h("div", { class: "skeleton", "aria-hidden": "true", styles: { height } });
const axisDollars = (number) =>
  `$${number.toLocaleString("en", { minimumFractionDigits: number % 1 ? 2 : 0, maximumFractionDigits: 4 })}`;

/** 7, 30 or 90 days; the address has it too, so that a reload and a link show the same. */
function periods(view) {
  const choose = (days) => {
    view.days = days;
    history.replaceState(null, "", `#/usage?days=${days}`);
    readUsage(view);
  };
  return h(
    "fieldset",
    { class: "period" },
    h("legend", { class: "unseen" }, "Period"),
    PERIODS.map((days) =>
      h(
        "label",
        null,
        h("input", {
          type: "radio",
          name: "days",
          value: days,
          checked: days === view.days,
          on: { change: () => choose(days) },
        }),
        h("span", null, `${days} days`),
      ),
    ),
  );
}

async function readUsage(view) {
  const { days } = view;
  view.parts.spend.setAttribute("aria-busy", "true");
  try {
    const usage = await api.get("/v1/usage", { signal: view.over.signal, query: { from: firstDay(days) } });
    await view.asked; // the chart's colours are by the catalogue's order
    if (days !== view.days) return;
    view.usage = usage;
    showSpend(view);
    if (view.routes.length) showRoutes(view, null);
    announce(`The last ${days} days are shown.`);
  } catch (problem) {
    if (!aborted(problem) && days === view.days)
      replace(
        view.parts.spend,
        trouble(problem, () => readUsage(view)),
      );
  } finally {
    if (days === view.days) view.parts.spend.removeAttribute("aria-busy");
  }
}

async function readLimits(view) {
  try {
    replace(view.parts.limits, limitsPart(await api.get("/v1/key", { signal: view.over.signal })));
  } catch (problem) {
    if (!aborted(problem))
      replace(
        view.parts.limits,
        trouble(problem, () => readLimits(view)),
      );
  }
}

/** What could not be read, in words that help. */
function trouble(problem, again) {
  const words = problem.status === 403 ? `This key may not read this. ${problem.detail}` : problem.detail;
  return h(
    "div",
    { class: "note", "data-kind": "bad" },
    h("p", null, words),
    problem.status === 403
      ? null
      : h(
          "div",
          null,
          h("button", { class: "button small", type: "button", on: { click: again } }, icon("retry"), "Try again"),
        ),
  );
}

/** Shows the routes that were read, or with null the same ones beside other usage. Gives the seconds until the next look. */
function showRoutes(view, models) {
  if (models) view.routes = routesOf(models);
  const outcomes = new Map(together(view.usage?.data ?? [], ({ route }) => route).map((one) => [one.name, one]));
  replace(view.parts.health, healthPart(view.routes, outcomes, view.days));
  const { kind, words } = summary(view.routes);
  replace(
    view.parts.verdict,
    h("p", { class: "verdict", "data-kind": kind }, icon(kind === "good" ? "check" : "alert"), words),
  );
  view.wereAsked();
  return HEALTH_SECONDS;
}

function showSpend(view) {
  const { usage, days, chart, parts } = view;
  if (!usage.data.length) {
    replace(parts.spend, empty(days));
    return;
  }
  const series = seriesOf(
    usage.data,
    view.routes.map(({ name }) => name),
  );
  const narrow = (parts.spend.clientWidth || 1200) < days * DAY_WIDTH_MIN + 80;
  const by = (name) => together(usage.data, (row) => row[name]);
  const slots = new Map(series.map(({ key, slot }) => [key, slot]));
  replace(
    parts.spend,
    totalsOf(usage),
    h(
      "section",
      { class: "card padded part-spend", "aria-labelledby": "spend-words" },
      h(
        "div",
        { class: "part-head" },
        h("h2", { id: "spend-words" }, narrow ? "Spend by week" : "Spend by day"),
        h("p", { class: "soft small" }, "Dollars by the catalogue's rates; days are UTC"),
      ),
      chart.element,
      h(
        "ul",
        { class: "legend" },
        series.map(({ name, slot }) => h("li", null, swatch(slot), name)),
      ),
      behind(view),
    ),
    h(
      "div",
      { class: "sides" },
      side("By route", bars(by("route").map((one) => bar(one, slots.get(one.name) ?? "rest")))),
      side("By model", bars(by("model").map((one) => bar(one, "one")))),
    ),
  );
  chart.show(series, binsOf(usage, series, narrow ? 7 : 1));
}

const side = (words, content) => h("section", { class: "card padded" }, h("h2", null, words), content);

const bar = ({ name, spent, images, generations }, slot) => ({
  name,
  value: spent,
  slot,
  words: about(spent),
  note: images ? `${plural(images, "image")}, ${about(spent / images)} each` : plural(generations, "generation"),
});

const plural = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

function empty(days) {
  return h(
    "div",
    { class: "empty" },
    icon("usage"),
    h("h2", null, `Nothing was made in these ${days} days`),
    h("p", null, "What generations cost is counted once they have ended."),
    h("a", { class: "button", href: "#/create" }, "Create a picture"),
  );
}

function totalsOf({ totals, data }) {
  const { usd, aws_estimate: aws } = totals;
  const [sum] = together(data, () => "all");
  const rate = success(totals);
  const total = (words, exact, note) =>
    h(
      "div",
      { class: "total" },
      h("dt", null, words),
      h("dd", { title: exact.title }, exact.words),
      h("dd", { class: "soft small" }, note),
    );
  const dollars = (value) => ({ words: about(Number(value?.amount ?? 0)), title: money(value) });
  const count = (number) => ({ words: number.toLocaleString("en") });
  return h("dl", { class: "card totals" }, [
    total(
      "Billed",
      dollars(usd.billed),
      totals.images ? `${about(sum.spent / totals.images)} an image` : "no image was kept",
    ),
    total("Possibly billed", dollars(usd.possibly_billed), "where a vendor's answer was lost"),
    total("Refunded", dollars(usd.refunded), "given back by vendors"),
    total("Images", count(totals.images), "kept in your bucket"),
    total(
      "Generations",
      count(totals.generations),
      rate ? `${(rate.share * 100).toFixed(1)} % succeeded` : "none has ended by itself",
    ),
    total("AWS, about", dollars(aws), "at list prices, in your account"),
  ]);
}

/** The figures behind the chart: for screen readers, for reading, and for copying into a sheet. */
function behind(view) {
  const { data, from, to } = view.usage;
  const cell = (row, name) => (name in row.usd ? (row.usd[name]?.amount ?? "0") : row[name]);
  const lines = () =>
    [COLUMNS, ...data.map((row) => COLUMNS.map((name) => cell(row, name)))].map((cells) => cells.join("\t")).join("\n");
  const copy = async () => {
    await navigator.clipboard.writeText(lines());
    announce("Copied.");
    button.lastChild.textContent = "Copied";
  };
  const button = h(
    "button",
    { class: "button small", type: "button", on: { click: copy } },
    icon("copy"),
    h("span", null, "Copy as a table"),
  );
  const table = () =>
    h(
      "table",
      { class: "table small" },
      h("caption", { class: "unseen" }, `Usage from ${from} to ${to}, dollars`),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          COLUMNS.map((name) => h("th", { scope: "col", class: numeric(name) }, name.replaceAll("_", " "))),
        ),
      ),
      h(
        "tbody",
        null,
        data.map((row) =>
          h(
            "tr",
            null,
            COLUMNS.map((name) => h("td", { class: numeric(name) }, String(cell(row, name)))),
          ),
        ),
      ),
    );
  const room = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Figures" });
  const opened = ({ target }) => {
    view.opened = target.open; // and so it is drawn again
    if (target.open && !room.firstChild) room.append(table());
  };
  return h(
    "details",
    { class: "behind", open: Boolean(view.opened), on: { toggle: opened } },
    h("summary", null, "Figures as a table"),
    h(
      "div",
      { class: "behind-head" },
      h("p", { class: "soft small" }, `${plural(data.length, "row")}, ${from} to ${to}, in dollars`),
      button,
    ),
    room,
  );
}

const numeric = (name) => (COLUMNS.indexOf(name) > 2 ? "number" : null);
