/** The pictures that an edit starts from: by drop, by paste, by choosing files, by link; in order. */

import { aborted } from "./api.js";
import { announce, h, replace, toast } from "./dom.js";
import { icon } from "./icons.js";
import { sourceOf, TYPES } from "./uploads.js";

/** The control for `images`. `changed` is called when they change; `wanted` when some come that no model here takes. */
export function inputPictures({ changed, wanted }) {
  const leaving = new AbortController();
  let pictures = []; // {name, preview, source, note, error}; a source is null until it is ready
  let offer = null;

  const list = h("ol", { class: "input-list" });
  const picker = h("input", {
    type: "file",
    id: "input-files",
    class: "unseen",
    accept: TYPES.join(","),
    multiple: true,
    on: {
      change: () => {
        add(picker.files);
        picker.value = "";
      },
    },
  });
  const zone = h(
    "label",
    { class: "input-drop", for: "input-files" },
    icon("upload"),
    h("span", null, "Drop a picture, paste it, or ", h("u", null, "choose a file")),
    picker,
  );
  const link = h("input", {
    type: "url",
    placeholder: "https://…",
    "aria-label": "Link to a picture",
    autocomplete: "off",
    on: { keydown: (event) => event.key === "Enter" && !event.ctrlKey && !event.metaKey && addLink(event) },
  });
  const byLink = h(
    "div",
    { class: "form-beside" },
    link,
    h("button", { class: "button", type: "button", on: { click: addLink } }, "Add link"),
  );
  const error = h("p", { class: "error", role: "alert" });
  const title = h("p", { class: "label", id: "inputs-label" });
  const element = h(
    "div",
    { class: "field", "data-field": "images", role: "group", "aria-labelledby": "inputs-label" },
    title,
    list,
    zone,
    byLink,
    error,
  );

  function draw() {
    if (!offer) return;
    const room = pictures.length < offer.most;
    replace(title, offer.most > 1 ? `Pictures to edit, up to ${offer.most}` : "Picture to edit");
    replace(list, pictures.map(card));
    list.hidden = pictures.length === 0;
    zone.hidden = byLink.hidden = !room;
    element.classList.toggle("has-some", pictures.length > 0);
  }

  function card(picture, index) {
    const words = picture.error ?? (picture.source ? picture.note : "Being prepared…");
    return h(
      "li",
      { class: "input-item", "data-state": picture.error ? "bad" : picture.source ? "ready" : "busy" },
      picture.preview
        ? h("img", { src: picture.preview, alt: "" })
        : h("span", { class: "input-blank" }, icon("image")),
      h(
        "div",
        null,
        h("p", { class: "input-name", title: picture.name }, `${index + 1}. ${picture.name}`),
        words && h("p", { class: "small" }, words),
      ),
      h(
        "button",
        {
          class: "button quiet icon small",
          type: "button",
          "aria-label": `Remove ${picture.name}`,
          on: { click: () => remove(picture) },
        },
        icon("cancel"),
      ),
    );
  }

  function remove(picture) {
    forget([picture]);
    pictures = pictures.filter((one) => one !== picture);
    draw();
    changed();
    picker.focus();
    announce(`${picture.name} removed`);
  }

  function addLink(event) {
    event.preventDefault();
    const source = link.value.trim();
    if (!/^https:\/\/\S+$/.test(source)) return fail("A link begins with https://.");
    link.value = "";
    hold({ name: nameOf(source), preview: null, source, note: "From its link" });
  }

  /** Takes files, as many as there is room for. */
  async function add(files) {
    const images = [...files].filter((file) => file.type.startsWith("image/"));
    if (!images.length) return fail(files.length ? "That is no picture." : "");
    if (!offer) wanted();
    if (!offer) return;
    const room = Math.max(0, offer.most - pictures.length);
    if (images.length > room) toast(`There is room for ${offer.most}: not all were taken.`, "bad");
    await Promise.all(images.slice(0, room).map(prepare));
  }

  async function prepare(file) {
    const picture = {
      name: file.name || "Pasted picture",
      preview: URL.createObjectURL(file),
      source: null,
      note: "",
      error: null,
    };
    hold(picture);
    try {
      Object.assign(picture, await sourceOf(file, offer.limits, leaving.signal));
      announce(`${picture.name} is ready`);
    } catch (problem) {
      if (aborted(problem)) return;
      picture.error = problem.message;
    }
    draw();
    changed();
  }

  function hold(picture) {
    fail("");
    pictures.push(picture);
    draw();
    changed();
  }

  function forget(gone) {
    for (const { preview } of gone) if (preview?.startsWith("blob:")) URL.revokeObjectURL(preview);
  }

  function fail(message) {
    replace(error, message ? [icon("alert"), message] : null);
  }

  const stopListening = listen({ add, takes: () => zone.classList });
  return {
    element,
    name: "images",
    add,
    /** A picture that Easel keeps: {name, preview, source}. */
    take: (picture) => hold({ ...picture, note: "Kept by Easel", error: null }),
    fail,
    offer(now) {
      offer = now;
      element.hidden = !now;
      draw();
    },
    value: () => (offer && pictures.length ? pictures.filter((one) => one.source).map((one) => one.source) : undefined),
    busy: () => Boolean(offer) && pictures.some((one) => !one.source && !one.error),
    broken: () => Boolean(offer) && pictures.some((one) => one.error),
    missing: () => Boolean(offer) && pictures.length < offer.least,
    set(sources) {
      forget(pictures);
      pictures = sources.map((source, index) => ({
        name: source.startsWith("https:") ? nameOf(source) : `Picture ${index + 1}`,
        preview: null,
        source,
        note: "From before",
      }));
      draw();
    },
    stop() {
      leaving.abort();
      stopListening();
      forget(pictures);
    },
  };
}

const nameOf = (link) => link.split("?")[0].split("/").pop() || link;

/** Drops and pastes anywhere on the page, as long as the place is shown. */
function listen({ add, takes }) {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const over = (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // else the browser leaves the page for the file
    takes().add("is-over");
  };
  const leave = (event) => event.relatedTarget === null && takes().remove("is-over");
  const drop = (event) => {
    takes().remove("is-over");
    if (!hasFiles(event)) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  };
  const paste = (event) =>
    event.clipboardData?.files.length && (event.preventDefault(), add(event.clipboardData.files));
  const pairs = [
    ["dragover", over],
    ["dragleave", leave],
    ["drop", drop],
    ["paste", paste],
  ];
  for (const [name, listener] of pairs) document.addEventListener(name, listener);
  return () => {
    for (const [name, listener] of pairs) document.removeEventListener(name, listener);
  };
}
