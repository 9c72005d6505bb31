/** A file on its way to becoming a batch: dropped or chosen, checked row by row without buying anything, and started. */

import { aborted, api } from "./api.js";
import { freshKey } from "./asking.js";
import { planView } from "./batch_plan.js";
import { announce, h, replace } from "./dom.js";
import { bytes } from "./format.js";
import { icon } from "./icons.js";
import { shell } from "./snippets.js";

// What an HTTP call may carry to a Lambda function is 6 MiB of JSON: of JSONL as base64, of the others as text.
const BYTES_MAX = { jsonl: 4_400_000, csv: 5_500_000, json: 5_500_000 };
const TYPES = { jsonl: "application/jsonl", csv: "text/csv", json: "application/json" };
const SAMPLE = [
  { custom_id: "fox", model: "qwen-image-max", prompt: "a red fox in snow", size: "16:9", seed: 7 },
  { custom_id: "harbour", model: "qwen-image-plus", prompt: "a harbour at dawn, ink and wash", size: "1:1" },
  { custom_id: "poster", model: "qwen-image", prompt: "a poster with the words “Open on Sunday” in blue" },
];

/** {element, stop()}: a place to drop a file on; what follows takes its room. */
export function checkPanel(shell) {
  const view = {
    shell,
    over: new AbortController(),
    element: h("section", { class: "check", "aria-label": "A new batch" }),
    plan: null,
  };
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
    view.plan?.stop();
    for (const [name, listener] of Object.entries(listeners)) removeEventListener(name, listener);
  };
  return { element: view.element, stop };
}

function waitForFile(view, problem = null) {
  view.turn = null;
  const choose = ({ target }) => target.files[0] && take(view, target.files[0]);
  const input = h("input", {
    type: "file",
    class: "unseen",
    id: "batch-file",
    accept: ".jsonl,.csv,.json",
    on: { change: choose },
  });
  const sample = () => take(view, new File([SAMPLE.map((row) => `${JSON.stringify(row)}\n`).join("")], "sample.jsonl"));
  replace(
    view.element,
    problem,
    h(
      "div",
      { class: "drop" },
      icon("upload"),
      h(
        "p",
        null,
        h("label", { for: "batch-file", class: "button primary" }, "Choose a file"),
        input,
        h("span", { class: "soft" }, " or drop one anywhere on this page"),
      ),
      h(
        "p",
        { class: "soft small" },
        "Prompts as .jsonl of up to 4.4 MB, as .csv or .json of up to 5.5 MB. ",
        "The rows are checked first; nothing is bought before you start them.",
      ),
      h(
        "p",
        null,
        h(
          "button",
          { class: "button quiet small", type: "button", on: { click: sample } },
          "Try it with a sample of three",
        ),
      ),
    ),
    h("details", { class: "forms" }, h("summary", null, "What a file looks like"), forms()),
  );
}

function forms() {
  const form = (name, words, text) =>
    h(
      "div",
      null,
      h("p", null, h("code", null, name)),
      h("p", { class: "soft small" }, words),
      h("pre", { tabindex: 0 }, text),
    );
  return h(
    "div",
    { class: "forms-three" },
    form(
      ".jsonl",
      "A request a line, in Easel's form or that of an OpenAI Batch file",
      SAMPLE.slice(0, 2)
        .map((row) => JSON.stringify(row))
        .join("\n"),
    ),
    form(
      ".csv",
      "Names of fields, then a request a line",
      "custom_id,model,prompt,size,seed\nfox,qwen-image-max,a red fox in snow,16:9,7",
    ),
    form(".json", "One request, or a list of them", JSON.stringify([SAMPLE[1]], null, 1)),
  );
}

/** Takes a file in: says what is wrong with it as a whole, or has its rows checked. */
async function take(view, file) {
  const form = /\.(jsonl|csv|json)$/i.exec(file.name)?.[1].toLowerCase();
  if (!form) return refuse(view, "This is no file of rows", `${file.name} ends with none of .jsonl, .csv and .json.`);
  if (file.size > BYTES_MAX[form])
    return refuse(view, `${file.name} is larger than ${BYTES_MAX[form] / 1e6} MB`, tooLarge(file));
  const turn = { file };
  view.turn = turn;
  replace(
    view.element,
    h(
      "div",
      { class: "card padded checking", "aria-busy": "true" },
      h("p", null, h("strong", null, file.name), ` ${bytes(file.size)}`),
      h("p", { class: "soft" }, "Checking the rows. Nothing is bought."),
      h("progress", { class: "progress" }),
    ),
  );
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

const ask = (view, body, query, headers) =>
  api.post("/v1/batches", body, { signal: view.over.signal, query, headers, safe: query.dry_run });

function refuse(view, title, words) {
  waitForFile(
    view,
    h(
      "div",
      { class: "note", "data-kind": "bad", role: "alert" },
      h("strong", null, title),
      typeof words === "string" ? h("p", null, words) : words,
    ),
  );
}

function tooLarge(file) {
  return [
    h(
      "p",
      null,
      "Drop it into the deployment's inbox bucket instead, where a file may have gigabytes. ",
      "The batch starts by itself and appears below.",
    ),
    h(
      "pre",
      { tabindex: 0 },
      `aws s3 cp ${shell(`./${file.name}`)} ${shell(`s3://INBOX/requests/${file.name}`)} --metadata max-cost-usd=20`,
    ),
    h(
      "p",
      { class: "soft small" },
      "INBOX is the stack's output InboxBucketName; max-concurrency and tolerated-failures are metadata too.",
    ),
  ];
}

/** The checked rows and the button that starts them, however often it is pressed: once. */
function show(view, turn, plan) {
  const key = freshKey();
  const start = async (bounds) => {
    const batch = await ask(view, turn.body, bounds, { "Idempotency-Key": key });
    view.shell.go(`#/batches/${batch.id}`);
  };
  view.plan?.stop();
  view.plan = planView(turn.file, plan, { start, another: () => waitForFile(view) });
  replace(view.element, view.plan.parts);
  view.plan.begin();
}
