/** What is known of a generation, in words: its parameters and what became of them, its route, times, cost and picture. */

import { h, toast } from "./dom.js";
import { ago, bytes, money, seconds, when } from "./format.js";
import { icon } from "./icons.js";

// Never sent to a vendor.
const OURS = new Set(["model", "route", "strict", "on_unknown", "deadline_seconds", "webhook", "metadata"]);

const ASKED_MAX = 160; // characters of a value that the table shows
const NAMES = {
  n: "Pictures",
  lora: "LoRA",
  images: "Input images",
  prompt_extend: "Prompt rewriting",
  on_unknown: "On a lost answer",
};

/** A parameter's name as people read it. */
export function nameOf(field) {
  if (field in NAMES) return NAMES[field];
  const words = field.replaceAll("_", " ").replaceAll(".", ": ");
  return words[0].toUpperCase() + words.slice(1);
}

/** A value of a request as text. */
export function textOf(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  if (typeof value === "object")
    return Object.entries(value)
      .map(([name, one]) => `${name}: ${textOf(one)}`)
      .join(", ");
  return String(value);
}

/** Each parameter that was asked: [{name, asked, kind, told}]; `kind` is applied, mapped, dropped, truncated, own or pending. */
function parametersOf({ request, parameters }) {
  const names = new Set(Object.keys(request).filter((name) => name !== "prompt" && name !== "model"));
  for (const part of Object.values(parameters ?? {}))
    for (const name of Object.keys(part)) if (name !== "prompt" || part === parameters.truncated) names.add(name);
  return [...names].map((name) => ({ name, asked: beginning(textOf(at(request, name))), ...fate(name, parameters) }));
}

const beginning = (text) => (text.length > ASKED_MAX ? `${text.slice(0, ASKED_MAX)}…` : text);

function fate(name, parameters) {
  if (OURS.has(name)) return { kind: "own", told: "" };
  if (!parameters) return { kind: "pending", told: "no vendor was asked" };
  const { mapped, dropped, truncated } = parameters;
  if (name in mapped) return { kind: "mapped", told: `sent as ${textOf(mapped[name].to)}` };
  if (name in dropped) return { kind: "dropped", told: dropped[name] };
  if (name in truncated)
    return { kind: "truncated", told: `cut from ${truncated[name].from} to ${truncated[name].to} characters` };
  return { kind: "applied", told: "" };
}

const at = (request, name) => name.split(".").reduce((value, part) => value?.[part], request);

const KINDS = {
  applied: ["good", "As asked"],
  mapped: ["info", "In other words"],
  dropped: ["warn", "Left out"],
  truncated: ["warn", "Cut"],
};

/** The parameters as a table; null where nothing but the prompt was asked. */
export function parameterTable(generation) {
  const asked = parametersOf(generation);
  if (!asked.length) return null;
  const row = ({ name, asked: value, kind, told }) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, nameOf(name)),
      h("td", null, value),
      h(
        "td",
        null,
        KINDS[kind] && h("span", { class: "badge", "data-status": KINDS[kind][0] }, KINDS[kind][1]),
        kind === "own" && h("span", { class: "soft" }, "for Easel itself"),
        told && h("span", { class: "told" }, told),
      ),
    );
  const heads = ["Parameter", "Asked", "What became of it"].map((words) => h("th", { scope: "col" }, words));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Parameters" },
    h("table", { class: "table parameters" }, h("thead", null, h("tr", null, heads)), h("tbody", null, asked.map(row))),
  );
}

/** A list of names and values; pairs without a value are left out. */
export function factList(pairs) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== "–");
  return h(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}

/** A value that is copied by a click on what stands beside it. */
function copyable(text, what) {
  return h(
    "span",
    { class: "copyable" },
    h("code", null, text),
    copyButton(() => text, what),
  );
}

/** A button that copies what the function gives. */
export function copyButton(text, what, words = null) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      toast(`${what} copied`, "good");
    } catch {
      toast("The browser does not allow copying here", "bad");
    }
  };
  const look = words ? "button small" : "button quiet small icon";
  return h(
    "button",
    {
      class: look,
      type: "button",
      "aria-label": `Copy ${what[0].toLowerCase()}${what.slice(1)}`,
      title: `Copy ${what[0].toLowerCase()}${what.slice(1)}`,
      on: { click: copy },
    },
    icon("copy"),
    words,
  );
}

/** A moment: how long ago, and exactly when in its title. */
export function moment(iso) {
  return iso
    ? h("time", { datetime: iso, title: iso }, when(iso), h("span", { class: "soft" }, ` · ${ago(iso)}`))
    : null;
}

/** Seconds between two times. */
export const between = (from, to) => (from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null);

/** Who drew it, and under which names the vendor knows it. */
export function routeFacts(generation) {
  const { route, routes, vendor, seed, model } = generation;
  const others = routes.filter((one) => one !== route);
  return factList([
    ["Model", model],
    ["Route", h("code", null, route)],
    ["Could have been", others.length ? others.map((one) => h("code", { class: "line" }, one)) : null],
    ["Vendor's task", vendor?.task_id && copyable(vendor.task_id, "Task id")],
    ["Vendor's request", vendor?.request_id && copyable(vendor.request_id, "Request id")],
    ["Vendor's word", vendor?.status],
    ["Seed", seed === null ? null : copyable(String(seed), "Seed")],
  ]);
}

/** When it was asked for, and how long it took. */
export function timeFacts({
  created_at: created,
  ended_at: over,
  deadline_at: deadline,
  estimated_completion_at: expected,
}) {
  return factList([
    ["Created", moment(created)],
    ["Ended", moment(over)],
    ["Took", over ? seconds(between(created, over)) : null],
    ["Expected", over ? null : moment(expected)],
    ["Deadline", over ? null : moment(deadline)],
  ]);
}

/** An amount of the receipt: in the vendor's unit, in dollars beside it where that is another; null where there is none. */
function amount(receipt, name) {
  const [own, dollars] = [receipt[name], receipt.usd[name]];
  if (!own && !dollars) return null;
  if (!own || !dollars || own.currency === dollars.currency) return money(own ?? dollars);
  return [money(own), h("span", { class: "soft" }, ` · ${money(dollars)}`)];
}

/** All that it cost, or may have. */
export function costFacts({ receipt, ended_at: over }) {
  return factList([
    ["Quoted", amount(receipt, "quoted")],
    ["Billed", amount(receipt, "billed") ?? (over ? "nothing" : null)],
    ["Possibly billed", amount(receipt, "possibly_billed")],
    ["Refunded", amount(receipt, "refunded")],
    ["AWS, about", money(receipt.aws_estimate)],
  ]);
}

/** What it cost, in a line. */
export function costLine({ receipt }) {
  const perhaps = amount(receipt, "possibly_billed");
  return amount(receipt, "billed") ?? (perhaps ? ["perhaps ", perhaps] : "nothing");
}

/** What it cost, or may have, in sentences. */
export function billWords({ receipt }) {
  const { billed, possibly_billed: perhaps, usd: dollars } = receipt;
  const sure = billed && Number(billed.amount) > 0 ? `${money(dollars.billed ?? billed)} was billed.` : "";
  const maybe = perhaps ? `The vendor may still bill ${money(dollars.possibly_billed ?? perhaps)}.` : "";
  return [sure, maybe].filter(Boolean).join(" ") || "Nothing was billed.";
}

/** One picture's verified facts. */
export function imageFacts(image) {
  return factList([
    ["Size", `${image.width} × ${image.height} px · ${bytes(image.bytes)} · ${image.content_type}`],
    ["SHA-256", copyable(image.sha256, "Hash")],
    ["S3", copyable(image.s3_uri, "S3 address")],
  ]);
}
