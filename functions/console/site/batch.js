/** One batch: how far it is, what it costs, and what came of it. */

import { aborted, api } from "./api.js";
import { resultsPart } from "./batch_results.js";
import { badge, boundsFields, count, done, ended, KINDS, nameOf, plural, resumable, rowsStrip } from "./batch_words.js";
import { announce, h, replace } from "./dom.js";
import { ago, seconds, usd, when } from "./format.js";
import { icon } from "./icons.js";
import { poll } from "./polling.js";

const LINKS_SECONDS = 45 * 60; // the links to its files live an hour
const WORDS = { succeeded: "Succeeded", failed: "Failed", refused: "Wrong", running: "Being drawn", queued: "Waiting" };

/** The place #/batches/ID. */
export function batchPlace(id, shell) {
  const room = (name) => h("div", { class: name });
  const view = {
    id,
    shell,
    batch: null,
    looks: null,
    over: new AbortController(),
    results: null,
    parts: {
      head: room("heading"),
      note: room("batch-note"),
      progress: room("batch-now"),
      results: room("batch-results"),
    },
  };
  const { parts } = view;
  replace(parts.head, h("h1", null, "Batch"));
  replace(parts.progress, h("div", { class: "skeleton", "aria-hidden": "true", styles: { height: "14rem" } }));
  const back = h("p", null, h("a", { class: "back", href: "#/batches" }, icon("arrowLeft"), "All batches"));
  const element = h(
    "div",
    { class: "batches" },
    h("div", null, back, parts.head),
    parts.note,
    parts.progress,
    parts.results,
  );
  follow(view);
  return { title: "Batch", element, stop: () => [view.looks.stop(), view.over.abort(), view.results?.stop()] };
}

/** Looks at it until it has ended, and then only for fresh links. */
function follow(view) {
  view.looks?.stop();
  view.looks = poll(
    (signal) => api.ask("GET", `/v1/batches/${encodeURIComponent(view.id)}`, undefined, { signal }),
    (batch) => show(view, batch),
    (problem, wait) => miss(view, problem, wait),
  );
}

function miss(view, problem, wait) {
  const gone = problem.status === 404 ? "There is no such batch, or it is another tenant's." : problem.detail;
  const words = wait === null ? gone : `${gone} Looking again in ${seconds(wait)}.`;
  replace(
    view.parts.note,
    h("p", { class: "note", "data-kind": wait === null ? "bad" : "warn", role: "status" }, words),
  );
  if (!view.batch && wait === null) replace(view.parts.progress);
}

function show(view, batch) {
  const before = view.batch;
  view.batch = batch;
  const changed = before?.status !== batch.status || Boolean(before?.stop_reason) !== Boolean(batch.stop_reason);
  if (changed) {
    showHead(view);
    if (before) announce(`The batch is ${badge(batch).textContent.toLowerCase()}.`);
  }
  replace(view.parts.note, reason(batch));
  replace(view.parts.progress, progress(batch));
  if (ended(batch) && !view.results) {
    view.results = resultsPart(batch, view.shell);
    replace(view.parts.results, view.results.element);
  }
  view.results?.renew(batch);
  return ended(batch) ? LINKS_SECONDS : undefined;
}

/** Name, state and what can be done. The heading stays the same element: it may have the focus. */
function showHead(view) {
  const { batch, parts } = view;
  const heading = parts.head.querySelector("h1");
  replace(heading, nameOf(batch));
  document.title = `${nameOf(batch)} · Easel`;
  const cancel = !ended(batch) && !batch.stop_reason && batch.status !== "collecting";
  const button = (words, action, kind = "") =>
    h("button", { class: `button ${kind}`, type: "button", on: { click: () => action(view) } }, words);
  replace(
    parts.head,
    h("div", { class: "batch-title" }, heading, badge(batch)),
    h(
      "div",
      { class: "buttons" },
      cancel && button("Cancel", askCancel, "danger"),
      resumable(batch) && button("Resume", askResume, "primary"),
    ),
    h(
      "p",
      { class: "soft small" },
      h("code", null, batch.id),
      ", made ",
      h("span", { title: when(batch.created_at) }, ago(batch.created_at)),
      batch.source.includes("/work/") ? null : [", from ", h("code", null, batch.source)],
    ),
  );
}

function reason({ stop_reason: why, status }) {
  if (!why) return null;
  return h(
    "div",
    { class: "note", "data-kind": why.code === "canceled" ? "info" : status === "failed" ? "bad" : "warn" },
    h("p", null, h("strong", null, ended({ status }) ? "Why it ended: " : "No further row is started: "), why.message),
    resumable({ status }) &&
      h(
        "p",
        { class: "small" },
        "It can be resumed, with other bounds if you like; nothing that was started is bought again.",
      ),
  );
}

function progress(batch) {
  const { rows } = batch;
  const share = rows.total ? Math.floor((done(batch) / rows.total) * 100) : 0;
  return h(
    "section",
    { class: "card", "aria-label": "Progress" },
    h(
      "div",
      { class: "batch-bar" },
      h(
        "p",
        null,
        batch.status === "preparing"
          ? [
              h("strong", null, plural(rows.total, "row")),
              h("span", { class: "soft" }, " read so far; they are drawn once all are read"),
            ]
          : [
              h("strong", null, `${count(done(batch))} of ${plural(rows.total, "row")}`),
              h("span", { class: "soft" }, ` done, ${share} %`),
            ],
      ),
      rowsStrip(batch),
      h(
        "ul",
        { class: "batch-legend" },
        KINDS.filter((kind) => rows[kind] || kind === "succeeded").map((kind) =>
          h(
            "li",
            null,
            h("span", { class: "strip-part key", "data-kind": kind, "aria-hidden": "true" }),
            `${WORDS[kind]} `,
            h("strong", { class: "number" }, count(rows[kind])),
          ),
        ),
      ),
    ),
    h("dl", { class: "totals batch-totals" }, facts(batch)),
  );
}

function facts(batch) {
  const fact = (words, value, note) =>
    h("div", { class: "total" }, h("dt", null, words), h("dd", null, value), h("dd", { class: "soft small" }, note));
  const over = ended(batch);
  const took = (Date.parse(batch.ended_at) - Date.parse(batch.created_at)) / 1000;
  const cap = batch.max_cost_usd && `capped at ${usd(batch.max_cost_usd)}, ${usd(batch.committed_usd)} of it committed`;
  const maybe = batch.possibly_billed.length ? `and possibly ${usd(batch.usd.possibly_billed.amount)}` : null;
  const failures =
    batch.tolerated_failures === null
      ? "any number may fail"
      : `${plural(batch.tolerated_failures, "failure")} tolerated`;
  return [
    fact(
      over ? "Cost" : "Cost so far",
      usd(batch.usd.billed.amount),
      maybe ?? cap ?? `estimated ${usd(batch.estimated_cost_usd)} in all`,
    ),
    fact("Pictures", count(batch.images), over ? "kept in your bucket" : "so far"),
    over
      ? fact("Took", seconds(took), `ended ${when(batch.ended_at)}`)
      : fact(
          "Ends",
          batch.estimated_end_at ? ago(batch.estimated_end_at) : "–",
          batch.estimated_end_at
            ? `about ${when(batch.estimated_end_at)}, by the pace so far`
            : "known once a row has ended",
        ),
    fact("Rows at a time", count(batch.rows_at_a_time), failures),
  ];
}

/** A question in a dialog; `act` is done when it is agreed to, and may refuse by throwing a Problem. */
function question({ title, words, content, agree, kind, act }) {
  const wrong = h("p", { class: "error", role: "alert" });
  const yes = h("button", { class: `button ${kind}`, type: "submit" }, agree);
  const submit = async (event) => {
    event.preventDefault();
    yes.disabled = true;
    try {
      await act(wrong);
      dialog.close();
    } catch (problem) {
      if (aborted(problem)) return;
      yes.disabled = false;
      replace(wrong, problem.words ?? problem.detail);
    }
  };
  const no = h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Not now");
  const dialog = h(
    "dialog",
    { class: "row-dialog", "aria-labelledby": "question-title", on: { close: () => dialog.remove() } },
    h(
      "form",
      { novalidate: true, on: { submit } },
      h("h2", { id: "question-title" }, title),
      h("p", null, words),
      content,
      wrong,
      h("div", { class: "buttons" }, no, yes),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}

const move = (view, name, body) =>
  api.post(`/v1/batches/${encodeURIComponent(view.id)}/${name}`, body, { signal: view.over.signal });

function askCancel(view) {
  const { rows } = view.batch;
  question({
    title: "Cancel this batch?",
    agree: "Cancel the batch",
    kind: "danger",
    words: [
      "No further row is started.",
      rows.running
        ? `${plural(rows.running, "row")} that vendors were asked for will come to an end and be kept: they are paid.`
        : "What was asked for is kept.",
      "It can be resumed later.",
    ].join(" "),
    act: async () => show(view, await move(view, "cancel")),
  });
}

function askResume(view) {
  const bounds = boundsFields(view.batch);
  question({
    title: "Resume this batch",
    agree: "Resume",
    kind: "primary",
    content: bounds.element,
    words: "It goes on where it stopped; nothing that was started is bought again.",
    act: async () => {
      try {
        show(view, await move(view, "resume", bounds.values()));
      } catch (problem) {
        throw Object.assign(problem, { words: bounds.fail(problem) });
      }
      view.results?.stop();
      view.results = null;
      replace(view.parts.results);
      follow(view);
    },
  });
}
