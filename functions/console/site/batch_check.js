/** A file on its way to becoming a batch: dropped or chosen, checked row by row without buying anything, and started. */

import { aborted, api } from "./api.js";
import { boundsFields, count, plural } from "./batch_words.js";
import { announce, h, replace } from "./dom.js";
import { bytes, usd } from "./format.js";
import { icon } from "./icons.js";
import { rowsTable } from "./rows_table.js";

const BYTES_MAX = 6 * 1024 * 1024; // that an HTTP call may carry to a Lambda function
const TYPES = { jsonl: "application/jsonl", csv: "text/csv", json: "application/json" };
const SAMPLE = [
  { custom_id: "fox", model: "qwen-image-max", prompt: "a red fox in snow", size: "16:9", seed: 7 },
  { custom_id: "harbour", model: "qwen-image-plus", prompt: "a harbour at dawn, ink and wash", size: "1:1" },
  { custom_id: "poster", model: "qwen-image", prompt: "a poster with the words “Open on Sunday” in blue" },
];

/** {element, stop()}: a place to drop a file on; what follows takes its room. */
export function checkPanel(shell) {
  const view = { shell, over: new AbortController(), element: h("section", { class: "check", "aria-label": "A new batch" }), table: null };
  const over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // or the browser would leave the page and open the file
    view.element.classList.toggle("over", event.type === "dragover");
  };
  const drop = (event) => {
    over(event);
    const [file] = event.dataTransfer.files;
    if (file) take(view, file);
  };
  const listeners = { dragover: over, dragleave: over, drop };
  for (const [name, listener] of Object.entries(listeners)) addEventListener(name, listener);
  waitForFile(view);
  const stop = () => {
    view.over.abort();
    view.table?.stop();
    for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener);
  };
  return { element: view.element, stop };
}

function waitForFile(view, problem = null) {
  view.turn = null;
  const choose = ({ target }) => target.files[0] && take(view, target.files[0]);
  const input = h("input", { type: "file", class: "unseen", id: "batch-file", accept: ".jsonl,.csv,.json", on: { change: choose } });
  const sample = () => take(view, new File([SAMPLE.map((row) => `${JSON.stringify(row)}\n`).join("")], "sample.jsonl"));
  replace(
    view.element,
    problem,
    h("div", { class: "drop" }, icon("upload"),
      h("p", null, h("label", { for: "batch-file", class: "button primary" }, "Choose a file"), input, h("span", { class: "soft" }, " or drop one anywhere on this page")),
      h("p", { class: "soft small" }, "Prompts as .jsonl, .csv or .json, up to 6 MB. The rows are checked first; nothing is bought before you start them."),
      h("p", null, h("button", { class: "button quiet small", type: "button", on: { click: sample } }, "Try it with a sample of three"))),
    h("details", { class: "forms" }, h("summary", null, "What a file looks like"), forms()),
  );
}

function forms() {
  const form = (name, words, text) => h("div", null, h("p", null, h("code", null, name)), h("p", { class: "soft small" }, words), h("pre", { tabindex: 0 }, text));
  return h("div", { class: "forms-three" },
    form(".jsonl", "A request a line, in Easel's form or that of an OpenAI Batch file", SAMPLE.slice(0, 2).map((row) => JSON.stringify(row)).join("\n")),
    form(".csv", "Names of fields, then a request a line", "custom_id,model,prompt,size,seed\nfox,qwen-image-max,a red fox in snow,16:9,7"),
    form(".json", "One request, or a list of them", JSON.stringify([SAMPLE[1]], null, 1)));
}

/** Takes a file in: says what is wrong with it as a whole, or has its rows checked. */
async function take(view, file) {
  const form = /\.(jsonl|csv|json)$/i.exec(file.name)?.[1].toLowerCase();
  if (!form) return refuse(view, "This is no file of rows", `${file.name} ends with none of .jsonl, .csv and .json.`);
  if (file.size > BYTES_MAX) return refuse(view, `${file.name} is larger than 6 MB`, tooLarge(file));
  const turn = { file };
  view.turn = turn;
  replace(view.element, h("div", { class: "card padded checking", "aria-busy": "true" },
    h("p", null, h("strong", null, file.name), ` ${bytes(file.size)}`), h("p", { class: "soft" }, "Checking the rows. Nothing is bought."), h("progress", { class: "progress" })));
  announce("Checking the rows.");
  try {
    turn.body = await bodyOf(file, form);
    const plan = await ask(view, turn.body, { dry_run: true });
    if (view.turn === turn) show(view, turn, plan);
  } catch (problem) {
    if (aborted(problem) || view.turn !== turn) return;
    if (problem.status === 413) refuse(view, `${file.name} is too large for one call`, tooLarge(file));
    else refuse(view, `${file.name} cannot be used`, problem.detail ?? problem.message);
  }
}

/** What is sent: the file as it is; of JSON its requests as rows. Throws an Error in words. */
async function bodyOf(file, form) {
  if (form !== "json") return new Blob([file], { type: TYPES[form] });
  const text = await file.text();
  try {
    const said = JSON.parse(text);
    return { rows: Array.isArray(said) ? said : [said] };
  } catch (error) {
    throw new Error(`It is not JSON: ${error.message}.`);
  }
}

const ask = (view, body, query, headers) => api.post("/v1/batches", body, { signal: view.over.signal, query, headers });

function refuse(view, title, words) {
  waitForFile(view, h("div", { class: "note", "data-kind": "bad", role: "alert" }, h("strong", null, title), typeof words === "string" ? h("p", null, words) : words));
}

function tooLarge(file) {
  return [
    h("p", null, "Drop it into the deployment's inbox bucket instead, where a file may have gigabytes. The batch starts by itself and appears below."),
    h("pre", { tabindex: 0 }, `aws s3 cp "${file.name}" "s3://INBOX/requests/${file.name}" --metadata max-cost-usd=20`),
    h("p", { class: "soft small" }, "INBOX is the stack's output InboxBucketName; max-concurrency and tolerated-failures are metadata too."),
  ];
}

/** The checked rows, the bounds, and the button that starts them. */
function show(view, turn, plan) {
  const { rows, data } = plan;
  const wrongFirst = [...data].sort((one, other) => Boolean(other.error) - Boolean(one.error) || one.row - other.row);
  view.table?.stop();
  view.table = rowsTable({ label: "Rows of the file", columns: COLUMNS, open: openRow, empty: "No row is like that." });
  const title = h("h2", { tabindex: -1 }, turn.file.name);
  replace(
    view.element,
    h("div", { class: "part-head" }, title, h("button", { class: "button small", type: "button", on: { click: () => waitForFile(view) } }, "Choose another file")),
    h("dl", { class: "card totals check-totals" }, [
      total("Rows", count(rows.total), bytes(turn.file.size)),
      total("Can run", count(rows.valid), rows.valid === rows.total ? "all of them" : "the others are left out"),
      total("Wrong", count(rows.refused), rows.refused ? "each says why below" : "none", rows.refused ? "bad" : null),
      total("Estimated cost", usd(cents(plan.estimated_cost_usd)), "by the catalogue's prices"),
    ]),
    ...notes(plan),
    filters(wrongFirst, rows, view.table),
    view.table.element,
    startForm(view, turn, plan),
  );
  view.table.show(wrongFirst);
  title.focus({ preventScroll: true });
  announce(`${plural(rows.total, "row")}, ${count(rows.refused)} wrong, estimated cost ${usd(plan.estimated_cost_usd)}.`);
}

const total = (words, value, note, kind) => h("div", { class: "total", "data-kind": kind }, h("dt", null, words), h("dd", null, value), h("dd", { class: "soft small" }, note));

/** Dollars to the cent where there are some, as an estimate is read. */
const cents = (text) => (Number(text) >= 0.1 ? Number(text).toFixed(2) : text);

function notes({ complete = true, truncated = false, rows, data }) {
  const note = (words) => h("p", { class: "note", "data-kind": "warn" }, words);
  return [
    !complete && note(`Time allowed for checking the first ${count(rows.total)} rows; the others are checked when the batch reads them.`),
    truncated && note(`${count(data.length)} of ${count(rows.total)} rows are listed, those that are wrong first: more do not fit into one answer.`),
  ].filter(Boolean);
}

const COLUMNS = [
  { name: "row-number", words: "Row", cell: ({ row }) => h("button", { class: "row-open number", type: "button", "aria-label": `Row ${row || "of the file"}, details` }, row ? count(row) : "File") },
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
  const kinds = { all: ["All", rows.total, () => true], wrong: ["Wrong", rows.refused, ({ error }) => error], right: ["Can run", rows.valid, ({ error }) => !error] };
  let kind = "all";
  const search = h("input", { type: "search", placeholder: "Find in prompts, ids, models, errors", "aria-label": "Find in rows", on: { input: () => apply() } });
  const buttons = Object.entries(kinds).map(([name, [words, number]]) =>
    h("button", { class: "chip", type: "button", "aria-pressed": name === kind, on: { click: () => { kind = name; apply(); } } }, `${words} ${count(number)}`));
  const apply = () => {
    Object.keys(kinds).forEach((name, index) => buttons[index].setAttribute("aria-pressed", String(name === kind)));
    const text = search.value.trim().toLowerCase();
    const holds = (row) => [row.custom_id, row.model, row.prompt, row.error?.message].some((part) => part?.toLowerCase().includes(text));
    const shown = all.filter((row) => kinds[kind][2](row) && (!text || holds(row)));
    table.show(shown);
    announce(`${plural(shown.length, "row")} shown.`);
  };
  return h("div", { class: "row-filters" }, h("div", { class: "chips", role: "group", "aria-label": "Rows" }, buttons), search);
}

/** One row in full, in a dialog. */
function openRow({ row, custom_id: id, model, prompt, estimated_usd: price, error }) {
  const fact = (name, value) => value && [h("dt", null, name), h("dd", null, value)];
  const close = h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Close");
  const dialog = h("dialog", { class: "row-dialog", "aria-labelledby": "row-title", on: { close: () => dialog.remove() } },
    h("h2", { id: "row-title" }, row ? `Row ${count(row)}` : "The file"),
    error && h("ul", { class: "note row-wrongs", "data-kind": "bad" }, error.errors.map(({ field, message }) => h("li", null, h("code", null, field), ` ${message}`))),
    h("dl", { class: "facts" }, fact("Id", id), fact("Model", model), fact("Prompt", prompt), fact("Estimate", price && usd(price))),
    h("div", { class: "buttons" }, close));
  document.body.append(dialog);
  dialog.showModal();
}

function startForm(view, turn, plan) {
  const bounds = boundsFields();
  const wrong = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "button primary", type: "submit", disabled: plan.rows.valid === 0 });
  const note = h("p", { class: "soft small" });
  const word = () => {
    const cap = bounds.values().max_cost_usd;
    const capped = cap !== null && cap < Number(plan.estimated_cost_usd);
    replace(button, plan.rows.valid ? `Start ${plural(plan.rows.valid, "row")}, ${capped ? `${usd(cap)} at most` : `about ${usd(cents(plan.estimated_cost_usd))}`}` : "No row can run");
    replace(note, capped ? "The cap is below the estimate: the batch will stop there, and can be resumed." : plan.rows.refused && plan.rows.valid ? `${plural(plan.rows.refused, "wrong row")} will stand in errors.jsonl.` : "");
  };
  turn.key ??= Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const start = async (event) => {
    event.preventDefault();
    button.disabled = true;
    bounds.fail(null);
    replace(wrong);
    try {
      const batch = await ask(view, turn.body, bounds.values(), { "Idempotency-Key": `console-${turn.key}` });
      view.shell.go(`#/batches/${batch.id}`);
    } catch (problem) {
      if (aborted(problem)) return;
      replace(wrong, bounds.fail(problem));
      button.disabled = false;
    }
  };
  word();
  return h("form", { class: "card padded start", novalidate: true, on: { submit: start, input: word } }, h("h2", null, "Bounds"), bounds.element, h("div", { class: "buttons" }, button, note), wrong);
}
