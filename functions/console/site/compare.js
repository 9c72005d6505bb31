/** Two pictures beside each other, or one over the other with a divider; and what differs between their requests. */

import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { differences } from "./differing.js";
import { ended, read, recall } from "./known.js";
import { picture, show } from "./picture.js";
import { View, Viewer } from "./viewer.js";
import { rename } from "./visit.js";
import { zoomButtons } from "./zooming.js";

const NAMES = ["A", "B"];
const MODES = { beside: "Side by side", over: "Divider" };
const DIVIDER_STEP = 2; // percent, of an arrow key

/** The place #/compare/gen_…[.N]/gen_…[.N], N being which of several pictures. */
export async function place(params) {
  const asked = params.path.map(named);
  if (asked.length !== 2)
    return nothing("Select two pictures", "In the gallery, the space bar or the tick on a picture selects it.");
  const leaving = new AbortController();
  const generations = await Promise.all(asked.map(({ id }) => known(id, leaving.signal)));
  if (generations.some((one) => !one.images.length))
    return nothing("There is nothing to compare", "One of the two has no picture.");
  const sides = generations.map((generation, side) => ({
    generation,
    number: Math.min(asked[side].number, generation.images.length - 1),
  }));
  return new Comparison(sides, leaving).place();
}

function named(part) {
  const [id, number = "0"] = part.split(".");
  return { id, number: Number.parseInt(number, 10) || 0 };
}

async function known(id, signal) {
  const seen = recall(id);
  return seen && ended(seen) ? seen : read(id, { signal });
}

function nothing(title, words) {
  const gallery = h("a", { class: "button", href: "#/gallery" }, "To the gallery");
  return {
    title: "Compare",
    element: h("div", { class: "empty" }, icon("compare"), h("h1", null, title), h("p", null, words), gallery),
  };
}

class Comparison {
  #view = new View();
  #zoom = zoomButtons(() => this.#viewers[0]);
  #frames = h("div", { class: "panes", "data-mode": "beside" });
  #divider;
  #viewers;
  #at = 50; // of the divider, percent from the left

  constructor(sides, leaving) {
    this.sides = sides;
    this.leaving = leaving;
    this.#viewers = NAMES.map(
      (name, side) =>
        new Viewer(this.#view, {
          wheel: "always",
          label: `Picture ${name}. Plus and minus zoom both, arrows move them.`,
          changed: () => side === 0 && this.#viewers && this.#zoom.draw(),
        }),
    );
    this.#divider = h(
      "div",
      {
        class: "divider",
        role: "slider",
        tabindex: "0",
        "aria-label": "Divider between A and B",
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        on: {
          keydown: (event) => this.#slide(event),
          pointerdown: (event) => this.#divider.setPointerCapture(event.pointerId),
          pointermove: (event) => this.#drag(event),
        },
      },
      h("span", { class: "grip" }, icon("compare")),
    );
  }

  place() {
    const back = h("a", { class: "button quiet to-gallery", href: "#/gallery" }, icon("arrowLeft"), "Gallery");
    const swap = h(
      "button",
      { class: "button quiet small", type: "button", on: { click: () => this.#swap() } },
      "Swap A and B",
    );
    const tools = h("div", { class: "tools" }, this.#modes(), swap, this.#zoom.element);
    this.#caption = h("div", { class: "captions" });
    this.#table = h("div", { class: "differences" });
    const element = h(
      "article",
      { class: "compare" },
      h("div", { class: "place-top" }, back, h("h1", null, "Compare"), tools),
      this.#frames,
      this.#caption,
      this.#table,
    );
    document.addEventListener("keydown", (event) => this.#key(event), { signal: this.leaving.signal });
    replace(
      this.#frames,
      this.#viewers.map((viewer, side) =>
        h(
          "div",
          { class: `pane ${NAMES[side].toLowerCase()}` },
          viewer.element,
          h("span", { class: "pane-name", "aria-hidden": "true" }, NAMES[side]),
        ),
      ),
      this.#divider,
    );
    this.#divide(this.#at);
    this.#show();
    return { title: "Compare", element, stop: () => this.#stop() };
  }

  #caption;
  #table;

  #stop() {
    this.leaving.abort();
    this.#viewers.forEach((viewer) => viewer.stop());
  }

  #show() {
    this.sides.forEach(({ generation, number }, side) => {
      const image = picture(generation, number);
      this.#viewers[side].put(image, generation.images[number]);
      show(image, generation, number);
    });
    replace(
      this.#caption,
      this.sides.map((side, place) => this.#captionOf(side, place)),
    );
    replace(this.#table, differences(this.sides, NAMES));
  }

  #captionOf({ generation, number }, side) {
    const several =
      generation.images.length > 1 &&
      h(
        "span",
        { class: "numbers", role: "group", "aria-label": `Which picture of ${NAMES[side]}` },
        generation.images.map((_, one) =>
          h(
            "button",
            {
              class: "chip",
              type: "button",
              "aria-pressed": String(one === number),
              "aria-label": `Picture ${one + 1}`,
              on: { click: () => this.#turn(side, one) },
            },
            one + 1,
          ),
        ),
      );
    return h(
      "div",
      { class: "caption" },
      h("strong", null, NAMES[side]),
      h("a", { href: `#/gallery/${generation.id}` }, generation.request.prompt),
      several,
    );
  }

  #turn(side, number) {
    this.sides[side].number = number;
    this.#renamed();
  }

  #swap() {
    this.sides.reverse();
    this.#renamed();
  }

  #renamed() {
    rename(
      `#/compare/${this.sides.map(({ generation, number }) => generation.id + (number ? `.${number}` : "")).join("/")}`,
    );
    this.#show();
  }

  #modes() {
    const choice = ([mode, words]) =>
      h(
        "label",
        null,
        h("input", {
          type: "radio",
          class: "unseen",
          name: "mode",
          value: mode,
          checked: mode === "beside",
          on: { change: () => this.#mode(mode) },
        }),
        h("span", null, words),
      );
    return h(
      "div",
      { class: "segmented", role: "radiogroup", "aria-label": "How they are shown" },
      Object.entries(MODES).map(choice),
    );
  }

  #mode(mode) {
    this.#frames.dataset.mode = mode;
    this.#view.set({});
  }

  #divide(percent) {
    this.#at = Math.min(100, Math.max(0, percent));
    this.#frames.style.setProperty("--at", `${this.#at}%`);
    this.#divider.setAttribute("aria-valuenow", Math.round(this.#at));
    this.#divider.setAttribute("aria-valuetext", `${Math.round(this.#at)} % of A`);
  }

  #drag(event) {
    if (!this.#divider.hasPointerCapture(event.pointerId)) return;
    const box = this.#frames.getBoundingClientRect();
    this.#divide(((event.clientX - box.left) / box.width) * 100);
  }

  #slide(event) {
    const ways = {
      ArrowLeft: this.#at - DIVIDER_STEP,
      ArrowDown: this.#at - DIVIDER_STEP,
      ArrowRight: this.#at + DIVIDER_STEP,
      ArrowUp: this.#at + DIVIDER_STEP,
      Home: 0,
      End: 100,
    };
    if (!(event.key in ways)) return;
    this.#divide(ways[event.key]);
    event.preventDefault();
  }

  #key(event) {
    if (event.key !== "Escape" || event.defaultPrevented || event.target.closest?.("dialog")) return;
    if (this.#view.zoom > 1) this.#viewers[0].fit();
    else location.hash = "#/gallery";
  }
}
