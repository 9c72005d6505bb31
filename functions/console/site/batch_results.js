/** What came of a batch: its pictures, the rows without one, and its files. */

import { count, plural } from "./batch_words.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { read } from "./known.js";
import { picture, show } from "./picture.js";
import { rowsTable } from "./rows_table.js";

const SHOWN = 24; // pictures, and as many more each time
const LINES_MAX = 5000; // of a file that are read; it may have a million
const FILES = {
  "results.jsonl": "A line for each row with a picture, in OpenAI Batch form",
  "errors.jsonl": "A line for each row without one, and why",
  "manifest.json": "Totals and cost",
  "gallery.html": "A page of all pictures, for opening beside its folder images/",
};

/** Of a batch that has ended: {element, renew(batch), stop()}. `renew` takes in links that were signed anew. */
export function resultsPart(batch, shell) {
  const over = new AbortController();
  const links = new Map(
    Object.keys(FILES).map((name) => [name, h("a", { target: "_blank", rel: "noopener" }, icon("download"), name)]),
  );
  const room = {
    pictures: h("section", { class: "part", hidden: true }),
    errors: h("section", { class: "part", hidden: true }),
  };
  const view = { over, shell, tables: [], batch };
  const element = h("div", { class: "batch-ended" }, room.pictures, room.errors, filesPart(batch, links));
  const renew = (fresh) => {
    for (const [name, link] of links) if (fresh.files[name]) link.href = fresh.files[name];
  };
  renew(batch);
  if (batch.rows.succeeded) fill(view, room.pictures, "results.jsonl", picturesOf);
  if (batch.rows.total > batch.rows.succeeded) fill(view, room.errors, "errors.jsonl", errorsOf);
  return { element, renew, stop: () => [over.abort(), view.tables.forEach((table) => table.stop())] };
}

function filesPart(batch, links) {
  const folder = `batches/${batch.id}/`;
  return h(
    "section",
    { class: "part", "aria-labelledby": "files-words" },
    h("h2", { id: "files-words" }, "Files"),
    h(
      "div",
      { class: "card padded batch-files" },
      h(
        "ul",
        null,
        [...links].map(([name, link]) => h("li", null, link, h("span", { class: "soft small" }, FILES[name]))),
      ),
      h(
        "p",
        { class: "soft small" },
        "They lie in the image bucket under ",
        h("code", null, folder),
        ". To have the gallery on your machine, copy the folder and open gallery.html:",
      ),
      h("pre", { tabindex: 0 }, `aws s3 cp --recursive s3://${bucketOf(batch)}/${folder} gallery/ --exclude 'work/*'`),
    ),
  );
}

/** The image bucket's name, out of a signed link: before the host's first dot, or on the local stack first in the path. */
function bucketOf({ files }) {
  const url = new URL(files["manifest.json"] ?? "https://BUCKET.s3.example/");
  return /^batches\//.test(url.pathname.slice(1)) ? url.hostname.split(".")[0] : url.pathname.split("/")[1];
}

/** Reads a file's lines and shows them by `make`; a file that cannot be read stays a link. */
async function fill(view, room, name, make) {
  room.hidden = false;
  replace(room, h("div", { class: "skeleton", "aria-hidden": "true", styles: { height: "12rem" } }));
  try {
    replace(room, make(view, await lines(view.batch.files[name], view.over.signal)));
    view.tables.forEach((table) => table.fill());
  } catch (error) {
    if (!view.over.signal.aborted)
      replace(
        room,
        h(
          "p",
          { class: "note", "data-kind": "warn" },
          `${name} cannot be shown here now; it is among the files below.`,
        ),
      );
  }
}

/** The first LINES_MAX lines of a file of JSON; what is beyond is not fetched. */
async function lines(url, signal) {
  const response = await fetch(url, { signal, credentials: "omit" });
  if (!response.ok) throw new Error(`the file's link answered ${response.status}`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const found = [];
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const parts = (rest + (value ?? "")).split("\n");
    rest = done ? "" : parts.pop();
    for (const part of parts) if (part && found.length < LINES_MAX) found.push(JSON.parse(part));
    if (done) return found;
    if (found.length >= LINES_MAX) {
      await reader.cancel();
      return found;
    }
  }
}

function picturesOf(view, found) {
  const list = h("ul", { class: "batch-pictures" });
  const more = h("button", { class: "button", type: "button", on: { click: () => grow() } }, "Show more");
  let shown = 0;
  const grow = () => {
    const next = found.slice(shown, shown + SHOWN);
    shown += next.length;
    list.append(...next.map((line) => pictureOf(view, line)));
    more.hidden = shown >= found.length;
  };
  grow();
  return [h("h2", null, plural(view.batch.images, "picture")), list, h("div", { class: "batch-more" }, more)];
}

/** A picture with its id, leading to its page. Its link is asked for when it comes into sight. */
function pictureOf(view, { id, custom_id: custom, row, response }) {
  const prompt = response.body.request.prompt;
  const frame = h("span", { class: "frame" });
  const item = h(
    "li",
    null,
    h(
      "a",
      { href: `#/gallery/${id}`, title: prompt },
      frame,
      h("span", { class: "small" }, custom ?? `Row ${count(row)}`),
    ),
  );
  const sight = new IntersectionObserver(
    async ([entry]) => {
      if (!entry.isIntersecting) return;
      sight.disconnect();
      try {
        const generation = await read(id, { signal: view.over.signal });
        const image = picture(generation, 0, { alt: prompt });
        replace(frame, image);
        show(image, generation, 0);
      } catch {
        replace(frame, icon("image"));
      }
    },
    { rootMargin: "200px" },
  );
  sight.observe(item);
  return item;
}

const COLUMNS = [
  { name: "row-number", words: "Row", cell: ({ row }) => h("span", { class: "number" }, count(row)) },
  { name: "row-id", words: "Id", cell: ({ custom_id: id }) => id ?? h("span", { class: "soft" }, "–") },
  {
    name: "row-prompt",
    words: "Prompt",
    cell: ({ id, response }) =>
      response
        ? h("a", { href: `#/gallery/${id}` }, response.body.request.prompt)
        : h("span", { class: "soft" }, "was not asked for"),
  },
  { name: "row-outcome", words: "Why there is no picture", cell: why },
];

/** What went wrong with a row; that the batch stopped before it is no fault of the row. */
function why({ error }) {
  const words = error.message || error.code.replaceAll("_", " ");
  if (error.code === "not_started")
    return h("span", { class: "soft", title: words }, "Not started: the batch ended before");
  return h("span", { class: "row-error" }, icon("alert"), h("span", { title: words }, words));
}

function errorsOf(view, found) {
  const { rows } = view.batch;
  const without = rows.total - rows.succeeded;
  const table = rowsTable({
    label: "Rows without a picture",
    columns: COLUMNS,
    open: ({ id }) => id && view.shell.go(`#/gallery/${id}`),
    empty: "",
  });
  view.tables.push({ stop: table.stop, fill: () => table.show(found) });
  const some =
    found.length < without
      ? h("p", { class: "soft small" }, `The first ${count(found.length)}; errors.jsonl has all.`)
      : null;
  return [h("h2", null, plural(without, "row"), " without a picture"), some, table.element];
}
