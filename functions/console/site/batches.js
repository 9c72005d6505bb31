/** Batches: a file is checked and started here; below are those that there are, newest first. #/batches/ID is one of them. */

import { api } from "./api.js";
import { batchPlace } from "./batch.js";
import { checkPanel } from "./batch_check.js";
import { badge, count, done, ended, nameOf, rowsStrip } from "./batch_words.js";
import { h, replace } from "./dom.js";
import { ago, usd, when } from "./format.js";
import { icon } from "./icons.js";
import { poll } from "./polling.js";

const PAGE = 20;
const QUIET_SECONDS = 60; // between looks at a list in which nothing is at work

/** The places #/batches and #/batches/ID. */
export function place({ path }, shell) {
  return path[0] ? batchPlace(path[0], shell) : batchesPlace(shell);
}

function batchesPlace(shell) {
  const check = checkPanel(shell);
  const list = batchList();
  const element = h(
    "div",
    { class: "batches" },
    h("div", { class: "heading" }, h("h1", null, "Batches")),
    check.element,
    h(
      "section",
      { class: "batch-list", "aria-labelledby": "batch-list-words" },
      h("h2", { id: "batch-list-words" }, "All batches"),
      list.element,
    ),
  );
  return { title: "Batches", element, stop: () => [check.stop(), list.stop()] };
}

/** The list with its paging; its first page is looked at again while something in it is at work. */
function batchList() {
  const view = { known: new Map(), cursor: null, paged: false, over: new AbortController() };
  const room = h("div", null, h("div", { class: "skeleton", "aria-hidden": "true", styles: { height: "12rem" } }));
  const ask = (signal, cursor) => api.ask("GET", "/v1/batches", undefined, { signal, query: { limit: PAGE, cursor } });
  const take = ({ data, next_cursor: next }, further) => {
    for (const batch of data) view.known.set(batch.id, batch);
    if (further || !view.paged) view.cursor = next;
    view.paged ||= further;
    draw();
    return data.every(ended) ? QUIET_SECONDS : undefined;
  };
  const more = async ({ currentTarget }) => {
    currentTarget.disabled = true;
    try {
      take((await ask(view.over.signal, view.cursor)).body, true);
    } catch (problem) {
      if (!view.over.signal.aborted) draw(problem);
    }
  };
  const draw = (problem = null) => replace(room, listed(view, more), problem && trouble(problem));
  const looks = poll(
    ask,
    (page) => take(page, false),
    (problem, wait) => (wait && view.known.size ? null : draw(problem)),
  );
  return { element: room, stop: () => [looks.stop(), view.over.abort()] };
}

const trouble = (problem) =>
  h(
    "p",
    { class: "note", "data-kind": "bad" },
    problem.status === 403 ? `This key may not see batches. ${problem.detail}` : problem.detail,
  );

function listed(view, more) {
  const batches = [...view.known.values()].sort((one, other) => other.created_at.localeCompare(one.created_at));
  if (!batches.length) {
    return h(
      "div",
      { class: "empty" },
      icon("batches"),
      h("strong", null, "No batch yet"),
      h("p", null, "What you start above, or drop into the inbox bucket, appears here."),
    );
  }
  return [
    h("ul", { class: "card batch-rows" }, batches.map(entry)),
    view.cursor &&
      h(
        "div",
        { class: "batch-more" },
        h("button", { class: "button", type: "button", on: { click: more } }, "Show earlier ones"),
      ),
  ];
}

function entry(batch) {
  return h(
    "li",
    { "data-id": batch.id },
    h(
      "div",
      { class: "batch-name" },
      h("a", { href: `#/batches/${batch.id}` }, nameOf(batch)),
      h("span", { class: "soft small", title: when(batch.created_at) }, ago(batch.created_at)),
    ),
    h("div", { class: "batch-state" }, badge(batch)),
    h(
      "div",
      { class: "batch-progress" },
      rowsStrip(batch),
      h("span", { class: "soft small number" }, rowsWords(batch)),
    ),
    h("div", { class: "batch-cost number" }, usd(batch.usd.billed.amount), h("span", { class: "unseen" }, " so far")),
  );
}

function rowsWords(batch) {
  const { rows } = batch;
  const bad = rows.failed + rows.refused;
  const told = ended(batch)
    ? `${count(rows.succeeded)} of ${count(rows.total)} succeeded`
    : `${count(done(batch))} of ${count(rows.total)} done`;
  return bad ? `${told}, ${count(bad)} without a picture` : told;
}
