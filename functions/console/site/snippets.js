/** A request as a program: cURL, Python and the command, each to be pasted and run. The key is $EASEL_API_KEY. */

import { nameAgain } from "./naming.js";

const FIRST = ["model", "prompt", "size"]; // for those who read it

/** The body that asks for the same again. A webhook's own secret is never told, so it is not here. */
export function bodyOf({ request }) {
  const { webhook, ...asked } = request;
  const first = Object.fromEntries(FIRST.filter((name) => name in asked).map((name) => [name, asked[name]]));
  return { ...first, ...asked, ...(webhook ? { webhook } : {}) };
}

/** A call with curl for any POSIX shell. */
export function curl(generation, base) {
  const call = [
    `curl -sS ${shell(`${base}/v1/generations`)}`,
    '-H "Authorization: Bearer $EASEL_API_KEY"',
    "-H 'Content-Type: application/json'",
    "-H 'Prefer: wait=25'",
    `-d ${shell(JSON.stringify(bodyOf(generation), null, 2))}`,
  ];
  return call.join(" \\\n  ");
}

/** A program for the Python client; the key comes from the environment. */
export function python(generation, base) {
  const { prompt, images = [], ...others } = bodyOf(generation);
  const named = Object.entries(others).map(([name, value]) => `    ${name}=${literal(value)},`);
  return [
    "from easel_client import Easel",
    "",
    `easel = Easel(${literal(base)})`,
    `picture = easel.${images.length ? "edit" : "generate"}(`,
    `    ${literal(prompt)},`,
    ...(images.length ? [`    ${literal(images)},`] : []),
    ...named,
    ")",
    `picture.save(${literal(nameAgain(generation))})`,
    "",
  ].join("\n");
}

/** The command `easel`. */
export function command(generation, base) {
  const { prompt, images = [], ...others } = bodyOf(generation);
  const options = [
    ...images.map((image) => `--image ${shell(image)}`),
    ...Object.entries(others).flatMap(([name, value]) => option(name, value)),
    `--output ${shell(nameAgain(generation))}`,
  ];
  const verb = `EASEL_URL=${shell(base)} easel ${images.length ? "edit" : "generate"}`;
  const words = prompt.startsWith("-")
    ? [verb, ...options, `-- ${shell(prompt)}`]
    : [`${verb} ${shell(prompt)}`, ...options];
  return words.join(" \\\n  ");
}

const FLAGS = { deadline_seconds: "deadline", output_format: "format" }; // where the command has a shorter word

function option(name, value) {
  if (name === "on_unknown") return value === "resubmit" ? ["--resubmit"] : [];
  if (name === "lora") return [`--lora ${shell(JSON.stringify(value))}`];
  if (name === "webhook") return [`--webhook ${shell(value.url)}`];
  const flag = FLAGS[name] ?? name.replaceAll("_", "-");
  if (typeof value === "boolean") return [value ? `--${flag}` : `--no-${flag}`];
  if (name === "metadata") return Object.entries(value).map(([key, one]) => `--metadata ${shell(`${key}=${one}`)}`);
  return [value].flat().map((one) => `--${flag} ${shell(String(one))}`);
}

/** The text as one word of a POSIX shell. */
export function shell(text) {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A value as Python writes it: of strings, JSON's form is Python's too. */
function literal(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, one]) => `${literal(name)}: ${literal(one)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}
