/** One generation in the grid: its picture, or where it stands. */

import { h, replace } from "./dom.js";
import { ago, money, statusWord } from "./format.js";
import { icon } from "./icons.js";
import { ended } from "./known.js";
import { altText, picture, show } from "./picture.js";
import { timing } from "./progress.js";

/** A cell of the grid. `choose` is called when the person selects it for comparing. */
export class Tile {
  #face = "";
  #image = null;
  #shown = false;
  #bar = null;

  constructor(generation, choose) {
    this.generation = generation;
    this.link = h("a", { class: "tile-open", href: `#/gallery/${generation.id}`, tabindex: "-1" });
    this.mark = h(
      "button",
      {
        class: "tile-mark",
        type: "button",
        tabindex: "-1",
        "aria-label": "Select for comparing",
        "aria-pressed": "false",
        title: "Select for comparing (Space)",
        on: { click: () => choose(this.generation) },
      },
      icon("check"),
    );
    this.element = h("div", { class: "tile", role: "gridcell", "data-id": generation.id }, this.link, this.mark);
    this.update(generation);
  }

  /** Shows the generation as it now is. */
  update(generation) {
    const face = `${generation.status} ${generation.images[0]?.sha256 ?? generation.updated_at}`;
    this.generation = generation;
    if (face === this.#face) return;
    this.#face = face;
    this.#image = null;
    this.#bar = null;
    this.element.dataset.status = generation.status;
    this.mark.hidden = generation.images.length === 0;
    this.link.setAttribute("aria-label", label(generation));
    if (generation.images.length) this.#drawPicture();
    else this.#drawState();
    if (this.#shown) this.load();
  }

  /** Puts it at its place in the row. */
  put({ left, width }, height) {
    Object.assign(this.element.style, { left: `${left}px`, width: `${width}px`, height: `${height}px` });
  }

  /** Asks for the picture: not while the grid only flies past. */
  load() {
    this.#shown = true;
    const image = this.#image;
    if (!image || image.hasAttribute("src")) return;
    show(image, this.generation, 0, () => {
      if (this.#image === image)
        this.link.append(
          h("span", { class: "tile-gone", "aria-hidden": "true" }, icon("image"), "The picture cannot be loaded"),
        );
    });
  }

  choose(chosen) {
    this.element.setAttribute("aria-selected", String(chosen));
    this.mark.setAttribute("aria-pressed", String(chosen));
  }

  /** Moves the bar of one that is at work; one that takes longer than foretold has a bar without end. */
  tick() {
    if (!this.#bar) return;
    const { share } = timing(this.generation, Date.now(), Date.parse(this.generation.estimated_completion_at ?? ""));
    if (share === null) this.#bar.removeAttribute("value");
    else this.#bar.value = share;
  }

  #drawPicture() {
    const { generation } = this;
    this.#image = picture(generation, 0, { alt: "", lazy: true });
    const many =
      generation.images.length > 1 &&
      h("span", { class: "tile-count", "aria-hidden": "true" }, icon("copy"), generation.images.length);
    const words = h(
      "span",
      { class: "tile-words", "aria-hidden": "true" },
      h("span", { class: "tile-prompt" }, generation.request.prompt),
      h("span", { class: "tile-about" }, generation.model),
    );
    replace(this.link, this.#image, many, words);
  }

  #drawState() {
    const { generation } = this;
    const over = ended(generation);
    this.#bar = over ? null : h("progress", { class: "progress", max: "1", "aria-hidden": "true" });
    replace(
      this.link,
      h(
        "span",
        { class: "tile-state", "aria-hidden": "true" },
        h("span", { class: "badge", "data-status": generation.status }, statusWord(generation.status)),
        h("span", { class: "tile-prompt" }, generation.request.prompt),
        over && generation.error && h("span", { class: "tile-why" }, generation.error.message),
        this.#bar,
      ),
    );
    this.tick();
  }
}

/** What a screen reader says of a tile. */
function label(generation) {
  const { status, model, images, error, receipt } = generation;
  const state =
    status === "succeeded" ? (images.length > 1 ? `${images.length} pictures` : "Picture") : statusWord(status);
  const cost = receipt.billed ? money(receipt.billed) : "";
  const words = [
    `${state}: ${altText({ ...generation, images: [] })}`,
    model,
    ago(generation.created_at),
    cost,
    error?.message,
  ];
  return words.filter(Boolean).join(", ");
}
