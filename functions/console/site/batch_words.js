/** A batch in words and in small: what the list and its own page both show. */

import { strip } from "./charts.js";
import { number } from "./controls.js";
import { h } from "./dom.js";

const ENDED = new Set(["completed", "stopped", "canceled", "failed"]);
const STATUS = {
  preparing: ["running", "Reading the rows"],
  running: ["running", "Running"],
  collecting: ["running", "Writing the results"],
  completed: ["completed", "Completed"],
  stopped: ["warn", "Stopped"],
  canceled: ["none", "Canceled"],
  failed: ["failed", "Failed"],
};
/** Of rows, in the order of the bar. */
export const KINDS = ["succeeded", "failed", "refused", "running", "queued"];

export const ended = ({ status }) => ENDED.has(status);

export const resumable = ({ status }) => status === "stopped" || status === "canceled";

export function badge(batch) {
  const stopping = !ended(batch) && batch.stop_reason;
  const [kind, words] = stopping ? ["warn", "Stopping"] : (STATUS[batch.status] ?? ["none", batch.status]);
  return h("span", { class: "badge", "data-status": kind }, words);
}

/** The dropped file's name; what came over HTTP has none. */
export function nameOf({ id, source }) {
  const own = source.includes(`/batches/${id}/`);
  return own ? `Batch ${id.slice(-6)}` : source.split("/").at(-1);
}

export const count = (value) => value.toLocaleString("en");

export const plural = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

/** How many rows have come to their end, one way or another. */
export const done = ({ rows }) => rows.succeeded + rows.failed + rows.refused;

export const rowsStrip = ({ rows }) =>
  strip(
    KINDS.map((kind) => ({ name: kind, kind, value: rows[kind] })),
    `Rows of ${count(rows.total)}`,
  );

/** The three bounds as controls; `values()` are those that are set, the others null. */
export function boundsFields(batch = {}) {
  const fields = [
    number({
      name: "max_concurrency",
      label: "Rows at a time",
      hint: "Fewer go easier on a vendor's limits.",
      least: 1,
      placeholder: "As the deployment has it",
    }),
    number({
      name: "tolerated_failures",
      label: "Tolerated failures",
      hint: "Rows that may fail before no further row is started.",
      least: 0,
      placeholder: "Any number",
    }),
    number({
      name: "max_cost_usd",
      label: "Cost cap in dollars",
      hint: "No row is started that might not fit under it.",
      least: 0,
      step: "any",
      placeholder: "None",
    }),
  ];
  for (const field of fields) field.set(batch[field.name]);
  return {
    fields,
    element: h(
      "div",
      { class: "bounds" },
      fields.map(({ element }) => element),
    ),
    values: () => Object.fromEntries(fields.map((field) => [field.name, field.value() ?? null])),
    /** Says what the API found wrong, beside the controls; gives what belongs to none of them. */
    fail(problem) {
      const named = new Map((problem?.errors ?? []).map(({ field, message }) => [field, message]));
      for (const field of fields) field.fail(named.get(field.name));
      const known = fields.some(({ name }) => named.has(name));
      return problem && !known ? problem.detail : null;
    },
  };
}
