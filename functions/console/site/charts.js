/** Charts, drawn by hand: columns over days, bars of names, ranges of seconds, strips of shares.
    Colours are usage.css's `--chart-1` to `--chart-8`, chosen by the class `series-N`; "rest" and "maybe" are neutral. */

import { h, replace, svg } from "./dom.js";

const HEIGHT = 248;
const EDGE = { top: 12, right: 4, bottom: 26 };
const LETTER = 7; // px, about, of a figure at an axis
const LABEL_APART = 64; // px between the middles of labels below the columns
const TIP_APART = 8;
const COLUMN_MAX = 32,
  GAP = 2,
  ROUND = 3;

let patterns = 0;

/** Round values from 0 to at least `most`: ticks(7.2) is [0, 2, 4, 6, 8]. */
export function ticks(most, about = 4) {
  if (!(most > 0)) return [0, 1];
  const raw = most / about;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= raw - 1e-12);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, index) =>
    Number((index * step).toPrecision(12)),
  );
}

/** A small square in a series' colour, for legends. */
export const swatch = (slot) => h("span", { class: `swatch series-${slot}`, "aria-hidden": "true" });

/** Stacked columns that are walked through with the arrow keys; each tells its values when it is pointed at or focused.

    series: [{key, name, slot}] from the ground up; bins: [{tick, title, values: {key: number}}]; `format(number, axis)` gives words.
    Gives {element, show(series, bins), stop()}. */
export function columns({ label, format }) {
  const state = { series: [], bins: [], format, label, at: 0, pattern: `maybe-${(patterns += 1)}` };
  const tip = h("div", { class: "chart-tip", "aria-hidden": "true", hidden: true });
  const stage = h("div", { class: "chart-stage" });
  const element = h("div", { class: "chart" }, stage, tip);
  const draw = () => {
    const focused = stage.contains(document.activeElement);
    tip.hidden = true;
    if (element.clientWidth > 0) replace(stage, drawing(state, element.clientWidth, tip));
    if (focused) stage.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  };
  const sight = new ResizeObserver(draw);
  sight.observe(element);
  const show = (series, bins) => {
    Object.assign(state, { series, bins, at: Math.max(0, bins.length - 1) });
    draw();
  };
  return { element, show, stop: () => sight.disconnect() };
}

const sum = (bin) => Object.values(bin.values).reduce((total, value) => total + value, 0);

function drawing(state, width, tip) {
  const marks = ticks(Math.max(...state.bins.map(sum), 0));
  const words = marks.map((mark) => state.format(mark, true));
  const left = Math.max(...words.map((text) => text.length)) * LETTER + 10;
  const inner = { left, width: width - left - EDGE.right, bottom: HEIGHT - EDGE.bottom };
  const high = (value) => inner.bottom - (value / marks.at(-1)) * (inner.bottom - EDGE.top);
  const band = inner.width / state.bins.length;
  const columnsDrawn = state.bins.map((bin, index) =>
    column(state, bin, { x: left + index * band, band, high, index, bottom: inner.bottom }, tip),
  );
  walk(state, columnsDrawn);
  return svg(
    "svg",
    { width, height: HEIGHT, role: "group", "aria-label": `${state.label}. The arrow keys go from column to column.` },
    hatching(state.pattern),
    svg(
      "g",
      { "aria-hidden": "true" },
      marks.map((mark, index) => grid(high(mark), words[index], left, width)),
    ),
    columnsDrawn,
    svg("g", { "aria-hidden": "true" }, below(state.bins, left, band)),
  );
}

const grid = (y, words, left, width) => [
  svg("line", { class: "grid-line", x1: left, x2: width - EDGE.right, y1: y, y2: y }),
  svg("text", { class: "tick", x: left - 8, y: y + 4, "text-anchor": "end" }, words),
];

/** Labels below, as many as there is room for; the last column always has one. */
function below(bins, left, band) {
  const every = Math.max(1, Math.ceil(LABEL_APART / band));
  return bins.map((bin, index) => {
    if ((bins.length - 1 - index) % every) return null;
    const middle = left + (index + 0.5) * band;
    const atEdge = index === bins.length - 1 && band < LABEL_APART;
    const place = atEdge
      ? { x: left + bins.length * band, "text-anchor": "end" }
      : { x: middle, "text-anchor": "middle" };
    return svg("text", { class: "tick", y: HEIGHT - 6, ...place }, bin.tick);
  });
}

function column(state, bin, { x, band, high, index, bottom }, tip) {
  const width = Math.max(1, Math.min(COLUMN_MAX, band - Math.max(1, Math.min(6, band * 0.25))));
  const place = { x: x + (band - width) / 2, width, high, bottom };
  const show = () => point(tip, state, bin, x, x + band);
  const hide = () => {
    tip.hidden = true;
  };
  return svg(
    "g",
    {
      class: "column",
      role: "img",
      tabindex: index === state.at ? 0 : -1,
      "aria-label": spoken(state, bin),
      on: { pointerenter: show, pointerleave: hide, focus: show, blur: hide, click: show },
    },
    svg("rect", { class: "band", x, y: EDGE.top, width: band, height: bottom - EDGE.top }),
    segments(state, bin, place),
  );
}

/** The parts of one column from the ground up, a gap apart where there is room; the topmost has round corners. */
function segments(state, bin, { x, width, high, bottom }) {
  const parts = state.series.filter(({ key }) => bin.values[key] > 0);
  let stacked = 0;
  return parts.map(({ key, slot }, index) => {
    const from = high(stacked);
    stacked += bin.values[key];
    const last = index === parts.length - 1;
    const gap = last ? 0 : Math.min(GAP, width / 8, (from - high(stacked)) * 0.3);
    const to = Math.min(high(stacked) + gap, from - 1);
    const fill = slot === "maybe" ? { fill: `url(#${state.pattern})` } : {};
    const round = last ? Math.min(ROUND, width / 2, from - to) : 0;
    return svg("path", {
      class: `series-${slot}`,
      d: roundTop(x, to, width, Math.min(from, bottom) - to, round),
      ...fill,
    });
  });
}

const roundTop = (x, y, width, height, r) =>
  `M${x} ${y + height}V${y + r}q0 ${-r} ${r} ${-r}h${width - 2 * r}q${r} 0 ${r} ${r}V${y + height}z`;

const hatching = (id) =>
  svg(
    "defs",
    null,
    svg(
      "pattern",
      { id, class: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("rect", { class: "hatch-ground", width: 5, height: 5 }),
      svg("rect", { class: "hatch-line", width: 2.5, height: 5 }),
    ),
  );

const told = (state, bin) =>
  state.series.filter(({ key }) => bin.values[key] > 0).map((one) => ({ ...one, value: bin.values[one.key] }));

const spoken = (state, bin) =>
  [
    `${bin.title}: ${state.format(sum(bin))}`,
    ...told(state, bin).map(({ name, value }) => `${name} ${state.format(value)}`),
  ].join(", ");

/** Shows a column's values beside it, or below the chart where there is no room. */
function point(tip, state, bin, left, right) {
  const rows = told(state, bin)
    .reverse()
    .map(({ name, slot, value }) =>
      h("li", null, swatch(slot), h("span", null, name), h("span", { class: "number" }, state.format(value))),
    );
  replace(
    tip,
    h("p", null, h("span", null, bin.title), h("strong", { class: "number" }, state.format(sum(bin)))),
    rows.length ? h("ul", null, rows) : null,
  );
  tip.hidden = false;
  const [wide, room] = [tip.offsetWidth + TIP_APART, tip.parentElement.clientWidth];
  const beside = right + wide <= room || left - wide >= 0;
  tip.style.left = `${!beside ? 0 : right + wide <= room ? right + TIP_APART : left - wide}px`;
  tip.style.top = `${beside ? Math.max(0, (HEIGHT - tip.offsetHeight) / 2) : HEIGHT}px`;
}

/** One stop for Tab; arrows, Home and End go from column to column, Escape puts the values away. */
function walk(state, drawn) {
  const moves = { ArrowLeft: (at) => at - 1, ArrowRight: (at) => at + 1, Home: () => 0, End: () => drawn.length - 1 };
  drawn.forEach((one) =>
    one.addEventListener("keydown", (event) => {
      if (event.key === "Escape") one.blur();
      if (!moves[event.key]) return;
      event.preventDefault();
      drawn[state.at].setAttribute("tabindex", "-1");
      state.at = Math.max(0, Math.min(drawn.length - 1, moves[event.key](state.at)));
      drawn[state.at].setAttribute("tabindex", "0");
      drawn[state.at].focus();
    }),
  );
}

/** Names with their values, the longest bar first: rows are [{name, value, words, slot, note}]. */
export function bars(rows) {
  const most = Math.max(...rows.map(({ value }) => value), Number.MIN_VALUE);
  return h(
    "ul",
    { class: "bars" },
    rows.map(({ name, value, words, slot, note }) =>
      h(
        "li",
        null,
        h("span", { class: "bar-name" }, name),
        h("span", { class: "bar-words" }, words),
        h(
          "span",
          { class: "bar-track", "aria-hidden": "true" },
          h("span", { class: `bar-fill series-${slot}`, styles: { width: `${Math.max(0, value / most) * 100}%` } }),
        ),
        h("span", { class: "bar-note" }, note),
      ),
    ),
  );
}

/** Shares of a whole as one strip: parts are [{name, value, kind}], of which those of nothing are left out. */
export function strip(parts, label) {
  const some = parts.filter(({ value }) => value > 0);
  const words = some.map(({ name, value }) => `${value.toLocaleString("en")} ${name}`).join(", ");
  return h(
    "div",
    { class: "strip", role: "img", "aria-label": `${label}: ${words || "nothing yet"}` },
    some.map(({ kind, value }) =>
      h("span", { class: "strip-part", "data-kind": kind, styles: { flexGrow: String(value) } }),
    ),
  );
}

/** From the typical to the slow value on an axis up to `most`; hollow where it is not measured but expected. */
export function range({ typical, slow, most, measured }) {
  const at = (value) => `${(Math.min(1, value / most) * 100).toFixed(2)}%`;
  return svg(
    "svg",
    { class: measured ? "range" : "range expected", width: "100%", height: 20, "aria-hidden": "true" },
    axisLines(most),
    svg("line", { class: "range-line", x1: at(typical), x2: at(slow), y1: 10, y2: 10 }),
    svg("line", { class: "range-end", x1: at(slow), x2: at(slow), y1: 5, y2: 15 }),
    svg("circle", { class: "range-dot", cx: at(typical), cy: 10, r: 4.5 }),
  );
}

const axisLines = (most) =>
  ticks(most)
    .slice(0, -1)
    .map((mark) => {
      const x = `${(mark / most) * 100}%`;
      return svg("line", { class: "grid-line", x1: x, x2: x, y1: 0, y2: 20 });
    });

/** The words above ranges of the same `most`, which is the last of its ticks. */
export function rangeAxis(most, format) {
  const marks = ticks(most);
  return svg(
    "svg",
    { class: "range-axis", width: "100%", height: 16, "aria-hidden": "true" },
    marks.map((mark, index) =>
      svg(
        "text",
        {
          class: "tick",
          x: `${(mark / most) * 100}%`,
          y: 12,
          "text-anchor": index === 0 ? "start" : index === marks.length - 1 ? "end" : "middle",
        },
        format(mark),
      ),
    ),
  );
}
