/** A checked file as a plan: its rows with what each costs or what is wrong, the bounds, and the start. */

import { aborted } from "./api.js";
import { mayBeTaken } from "./asking.js";
import { boundsFields, count, plural } from "./batch_words.js";
import { announce, h, replace } from "./dom.js";
import { bytes, usd } from "./format.js";
import { icon } from "./icons.js";
import { rowsTable } from "./rows_table.js";

/**
 * The checked rows, the bounds, and the button that calls `start(bounds)`; `another` is for another file.
 * {parts, begin() when they stand in the document, stop()}.
 */
export function planView(file, plan, { start, another }) {
  const { rows, data } = plan;
  const wrongFirst = [...data].sort((one, other) => Boolean(other.error) - Boolean(one.error) || one.row - other.row);
  const table = rowsTable({
    label: "Rows of the file",
    columns: COLUMNS,
    open: openRow,
    empty: "No row is like that.",
  });
  const title = h("h2", { tabindex: -1 }, file.name);
  const sofar = plan.complete ? "" : "at least ";
  const parts = [
    h(
      "div",
      { class: "part-head" },
      title,
      h("button", { class: "button small", type: "button", on: { click: another } }, "Choose another file"),
    ),
    h("dl", { class: "card totals check-totals" }, [
      total("Rows", sofar + count(rows.total), bytes(file.size)),
      total(
        "Can run",
        sofar + count(rows.valid),
        rows.valid === rows.total ? `all of ${plan.complete ? "them" : "those"}` : "the others are left out",
      ),
      total(
        "Wrong",
        sofar + count(rows.refused),
        rows.refused ? "each says why below" : "none",
        rows.refused ? "bad" : null,
      ),
      total("Estimated cost", sofar + usd(cents(plan.estimated_cost_usd)), "by the catalogue's prices"),
    ]),
    ...notes(plan),
    filters(wrongFirst, rows, table),
    table.element,
    startForm(plan, start),
  ];
  const begin = () => {
    table.show(wrongFirst);
    title.focus({ preventScroll: true });
    announce(
      `${sofar}${plural(rows.total, "row")}, ${count(rows.refused)} wrong, ` +
        `estimated cost ${sofar}${usd(plan.estimated_cost_usd)}.`,
    );
  };
  return { parts, begin, stop: () => table.stop() };
}

const total = (words, value, note, kind) =>
  h(
    "div",
    { class: "total", "data-kind": kind },
    h("dt", null, words),
    h("dd", null, value),
    h("dd", { class: "soft small" }, note),
  );

/** Dollars to the cent where there are some, as an estimate is read. */
const cents = (text) => (Number(text) >= 0.1 ? Number(text).toFixed(2) : text);

function notes({ complete, truncated, rows, data }) {
  const note = (words) => h("p", { class: "note", "data-kind": "warn" }, words);
  return [
    !complete &&
      note(
        `Time allowed for checking the first ${count(rows.total)} rows; ` +
          "the others are checked when the batch reads them. So a start needs a cost cap.",
      ),
    truncated &&
      note(
        `${count(data.length)} of ${count(rows.total)} rows are listed, those that are wrong first: ` +
          "more do not fit into one answer.",
      ),
  ].filter(Boolean);
}

const COLUMNS = [
  {
    name: "row-number",
    words: "Row",
    cell: ({ row }) =>
      h(
        "button",
        { class: "row-open number", type: "button", "aria-label": `Row ${row || "of the file"}, details` },
        row ? count(row) : "File",
      ),
  },
  { name: "row-id", words: "Id", cell: ({ custom_id: id }) => id ?? h("span", { class: "soft" }, "–") },
  { name: "row-model", words: "Model", cell: ({ model }) => model ?? h("span", { class: "soft" }, "–") },
  { name: "row-prompt", words: "Prompt", cell: ({ prompt }) => prompt || h("span", { class: "soft" }, "–") },
  { name: "row-outcome", words: "Estimate, or what is wrong", cell: outcome },
];

function outcome({ error, estimated_usd: price }) {
  if (!error) return h("span", { class: "row-price number" }, usd(price));
  return h("span", { class: "row-error" }, icon("alert"), h("span", null, error.message));
}

/** All, wrong or right rows, and a text to look for in them. */
function filters(all, rows, table) {
  const kinds = {
    all: ["All", rows.total, () => true],
    wrong: ["Wrong", rows.refused, ({ error }) => error],
    right: ["Can run", rows.valid, ({ error }) => !error],
  };
  let kind = "all";
  const search = h("input", {
    type: "search",
    placeholder: "Find in prompts, ids, models, errors",
    "aria-label": "Find in rows",
    on: { input: () => apply() },
  });
  const buttons = Object.entries(kinds).map(([name, [words, number]]) =>
    h(
      "button",
      {
        class: "chip",
        type: "button",
        "aria-pressed": name === kind,
        on: {
          click: () => {
            kind = name;
            apply();
          },
        },
      },
      `${words} ${count(number)}`,
    ),
  );
  const apply = () => {
    Object.keys(kinds).forEach((name, index) => buttons[index].setAttribute("aria-pressed", String(name === kind)));
    const text = search.value.trim().toLowerCase();
    const holds = (row) =>
      [row.custom_id, row.model, row.prompt, row.error?.message].some((part) => part?.toLowerCase().includes(text));
    const shown = all.filter((row) => kinds[kind][2](row) && (!text || holds(row)));
    table.show(shown);
    announce(`${plural(shown.length, "row")} shown.`);
  };
  return h(
    "div",
    { class: "row-filters" },
    h("div", { class: "chips", role: "group", "aria-label": "Rows" }, buttons),
    search,
  );
}

/** One row in full, in a dialog. */
function openRow({ row, custom_id: id, model, prompt, estimated_usd: price, error }) {
  const fact = (name, value) => value && [h("dt", null, name), h("dd", null, value)];
  const close = h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Close");
  const dialog = h(
    "dialog",
    { class: "row-dialog", "aria-labelledby": "row-title", on: { close: () => dialog.remove() } },
    h("h2", { id: "row-title" }, row ? `Row ${count(row)}` : "The file"),
    error &&
      h(
        "ul",
        { class: "note row-wrongs", "data-kind": "bad" },
        error.errors.map(({ field, message }) => h("li", null, h("code", null, field), ` ${message}`)),
      ),
    h(
      "dl",
      { class: "facts" },
      fact("Id", id),
      fact("Model", model),
      fact("Prompt", prompt),
      fact("Estimate", price && usd(price)),
    ),
    h("div", { class: "buttons" }, close),
  );
  document.body.append(dialog);
  dialog.showModal();
}

function startForm(plan, start) {
  const bounds = boundsFields();
  const wrong = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "button primary", type: "submit", disabled: nothingRuns(plan) });
  const note = h("p", { class: "soft small" });
  const word = () => {
    const cap = bounds.values().max_cost_usd;
    replace(button, startWords(plan, cap));
    replace(note, startNote(plan, cap));
  };
  const submit = async (event) => {
    event.preventDefault();
    const values = bounds.values();
    if (!plan.complete && values.max_cost_usd === null) return demand(bounds, NO_CAP);
    button.disabled = true;
    bounds.fail(null);
    replace(wrong);
    try {
      await start(values);
    } catch (problem) {
      if (aborted(problem)) return;
      replace(wrong, bounds.fail(problem), mayBeTaken(problem) && AGAIN);
      button.disabled = false;
    }
  };
  word();
  return h(
    "form",
    { class: "card padded start", novalidate: true, on: { submit, input: word } },
    h("h2", null, "Bounds"),
    bounds.element,
    h("div", { class: "buttons" }, button, note),
    wrong,
  );
}

const AGAIN = " It may have been started all the same; pressing again starts nothing twice.";
const NO_CAP = {
  errors: [{ field: "max_cost_usd", message: "Say what it may cost at most: not all rows have been checked." }],
};

function demand(bounds, problem) {
  bounds.fail(problem);
  bounds.element.querySelector("[aria-invalid]").focus();
}

/** Of a file that was read to its end; in what was not looked at there may be rows that can. */
const nothingRuns = ({ complete, rows }) => complete && rows.valid === 0;

const below = (cap, plan) => cap !== null && cap < Number(plan.estimated_cost_usd);

function startWords(plan, cap) {
  if (nothingRuns(plan)) return "No row can run";
  const { complete, rows, estimated_cost_usd: estimate } = plan;
  const what = complete
    ? plural(rows.valid, "row")
    : rows.valid
      ? `at least ${plural(rows.valid, "row")}`
      : "the rows that can run";
  if (cap !== null && (!complete || below(cap, plan))) return `Start ${what}, ${usd(cap)} at most`;
  return `Start ${what}, ${complete ? "about" : "at least"} ${usd(cents(estimate))}`;
}

function startNote(plan, cap) {
  if (below(cap, plan)) return "The cap is below the estimate: the batch will stop there, and can be resumed.";
  const { refused, valid } = plan.rows;
  return refused && valid ? `${plural(refused, "wrong row")} will stand in errors.jsonl.` : "";
}
