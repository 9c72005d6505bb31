/** Two generations field by field: what differs first, what is the same behind a fold. */

import { h } from "./dom.js";
import { bytes, money, seconds } from "./format.js";
import { between, nameOf, textOf } from "./facts.js";

const LIKE = 3; // characters in common at either end, at least, for a text's middle to be marked

/** The tables of two sides {generation, number}. */
export function differences(sides, names) {
  const [one, other] = sides.map(fieldsOf);
  const all = [...new Set([...Object.keys(one), ...Object.keys(other)])].map((name) => ({
    name,
    values: [one[name] ?? "–", other[name] ?? "–"],
  }));
  const differing = all.filter(({ values }) => values[0] !== values[1]);
  const same = all.filter(({ values }) => values[0] === values[1]);
  return [
    h("h2", null, differing.length ? "What differs" : "Nothing differs"),
    differing.length > 0 && table(differing, names, true),
    same.length > 0 &&
      h(
        "details",
        { open: differing.length === 0 },
        h("summary", null, `The same in both (${same.length})`),
        table(same, names, false),
      ),
  ];
}

/** What can be compared, as texts by name. */
function fieldsOf({ generation, number }) {
  const { request, parameters, receipt, seed, route, created_at: from, ended_at: to } = generation;
  const image = generation.images[number];
  const { prompt, model, metadata, webhook, ...asked } = request;
  const sent = Object.fromEntries(
    Object.entries(parameters?.mapped ?? {}).map(([name, { to: value }]) => [
      `${nameOf(name)}, as sent`,
      textOf(value),
    ]),
  );
  const lost = Object.fromEntries(
    Object.entries({ ...parameters?.dropped, ...parameters?.truncated }).map(([name, why]) => [
      `${nameOf(name)}, lost`,
      textOf(why),
    ]),
  );
  return {
    Prompt: prompt,
    ...Object.fromEntries(Object.entries(asked).map(([name, value]) => [nameOf(name), textOf(value)])),
    ...sent,
    ...lost,
    "Seed, as told": seed === request.seed ? "–" : textOf(seed),
    Model: model,
    Route: route,
    Picture: `${image.width} × ${image.height} px`,
    Bytes: bytes(image.bytes),
    Took: seconds(between(from, to)),
    Billed: money(receipt.billed),
  };
}

function table(rows, names, marked) {
  const heads = ["", ...names].map((words) =>
    h("th", { scope: "col" }, words || h("span", { class: "unseen" }, "Field")),
  );
  const row = ({ name, values }) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, name),
      (marked ? markedPair(values) : values).map((value) => h("td", null, value)),
    );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": marked ? "What differs" : "What is the same" },
    h("table", { class: "table" }, h("thead", null, h("tr", null, heads)), h("tbody", null, rows.map(row))),
  );
}

/** Two texts with what differs between their common beginning and end marked, whole words. */
function markedPair([one, other]) {
  const [first, second] = [one.split(/(\s+)/), other.split(/(\s+)/)];
  const shortest = Math.min(first.length, second.length);
  let start = 0;
  while (start < shortest && first[start] === second[start]) start += 1;
  let end = 0;
  while (end < shortest - start && first.at(-1 - end) === second.at(-1 - end)) end += 1;
  if (start + end < LIKE) return [one, other];
  return [first, second].map((words) => {
    const middle = words.slice(start, words.length - end).join("");
    return [
      words.slice(0, start).join(""),
      middle && h("mark", null, middle),
      words.slice(words.length - end).join(""),
    ];
  });
}
