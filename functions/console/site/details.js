/** One generation by itself: its pictures, all that is known of it, and what can be done with it. */

import { aborted } from "./api.js";
import { announce, h, replace, toast } from "./dom.js";
import { icon } from "./icons.js";
import { copyButton } from "./facts.js";
import { ended, read, recall, remember } from "./known.js";
import { Listing } from "./listing.js";
import { panel } from "./panel.js";
import { linkOf } from "./picture.js";
import { follow } from "./progress.js";
import { saveImage } from "./saving.js";
import { isChosen, toggle, tray, watchSelection } from "./selection.js";
import { Showcase } from "./showcase.js";
import { cameFromGrid, rename, visit } from "./visit.js";

/** The place #/gallery/gen_… */
export async function place(params, shell) {
  const [id] = params.path;
  const leaving = new AbortController();
  const known = recall(id);
  const generation = known && ended(known) ? known : await read(id, { signal: leaving.signal });
  return new Details(generation, shell, leaving).place();
}

const LONG = 240; // characters of a prompt, of which only the beginning is shown at first

class Details {
  #showcase = new Showcase();
  #panel = h("div", { class: "panel" });
  #heading = h("h1");
  #whole = h(
    "button",
    {
      class: "button quiet small",
      type: "button",
      on: {
        click: () => {
          this.#whole.hidden = true;
          this.#heading.classList.remove("long");
        },
      },
    },
    "Whole prompt",
  );
  #bar = h("div", { class: "buttons" });
  #edit = h("a", { class: "button small" }, icon("edit"), "Edit");
  #pick = h("button", { class: "button small", type: "button", on: { click: () => toggle(this.generation) } });
  #newer = stepper("arrowLeft", "Newer", () => this.#step(-1));
  #older = stepper("arrowRight", "Older", () => this.#step(1));
  #fresh = new AbortController(); // of what is under way for the generation that is shown
  #fromGrid = cameFromGrid();
  #neighbours;

  constructor(generation, shell, leaving) {
    this.generation = generation;
    this.shell = shell;
    this.leaving = leaving;
    const left = visit.gallery?.listing;
    this.#neighbours = left && left.place(generation.id) >= 0 ? left : Listing.from(generation);
  }

  place() {
    const selected = tray();
    const back = h(
      "a",
      { class: "button quiet to-gallery", href: "#/gallery", on: { click: (event) => this.#back(event) } },
      icon("arrowLeft"),
      "Gallery",
    );
    const steps = h("div", { class: "steps", role: "group", "aria-label": "Neighbours" }, this.#newer, this.#older);
    const side = h(
      "div",
      { class: "side" },
      h(
        "div",
        { class: "asked" },
        this.#heading,
        copyButton(() => this.generation.request.prompt, "Prompt"),
        this.#whole,
      ),
      this.#bar,
      this.#panel,
    );
    const element = h(
      "article",
      { class: "details" },
      h("div", { class: "place-top" }, back, steps),
      this.#showcase.element,
      side,
      selected.element,
    );
    document.addEventListener("keydown", (event) => this.#key(event), { signal: this.leaving.signal });
    const unwatch = watchSelection(() => this.#showPick());
    this.leaving.signal.addEventListener("abort", () => {
      this.#fresh.abort();
      unwatch();
      selected.stop();
      this.#showcase.stop();
    });
    this.#show(this.generation);
    if (this.#neighbours !== visit.gallery?.listing) this.#findNewer();
    return { title: titleOf(this.generation), element, stop: () => this.leaving.abort() };
  }

  #show(generation) {
    this.#fresh.abort();
    this.#fresh = new AbortController();
    this.#draw(generation);
    this.#showSteps();
    if (!ended(generation)) this.#follow(generation.id, this.#fresh.signal);
  }

  #draw(generation, offset) {
    this.generation = generation;
    replace(this.#heading, generation.request.prompt);
    this.#heading.classList.toggle("long", generation.request.prompt.length > LONG);
    this.#whole.hidden = generation.request.prompt.length <= LONG;
    this.#showcase.show(generation, offset);
    this.#showBar();
    replace(this.#panel, panel(generation, { signal: this.#fresh.signal, number: () => this.#showcase.number }));
    this.#showcase.turned = () => this.#turned();
  }

  /** Keeps what is at work up to date until it has ended. */
  async #follow(id, signal) {
    try {
      await follow(id, {
        signal,
        changed: (now, offset) =>
          now.updated_at === this.generation.updated_at
            ? this.#showcase.show(now, offset)
            : this.#draw(remember(now), offset),
        lost: (problem) => this.#showcase.lost(problem),
      });
    } catch (problem) {
      if (!aborted(problem)) toast(problem.message, "bad");
    }
  }

  #showBar() {
    const { id, images } = this.generation;
    const again = h("a", { class: "button small primary", href: `#/create?from=${id}` }, icon("retry"), "Use again");
    replace(
      this.#bar,
      again,
      images.length > 0 && [
        this.#edit,
        action("download", "Download", () => saveImage(this.generation, this.#showcase.number)),
        this.#pick,
      ],
    );
    this.#showPick();
    this.#turned();
  }

  #showPick() {
    const chosen = isChosen(this.generation.id);
    this.#pick.setAttribute("aria-pressed", String(chosen));
    replace(this.#pick, icon(chosen ? "check" : "compare"), chosen ? "Selected" : "Compare");
  }

  /** Another of several pictures is shown. */
  #turned() {
    this.#edit.href = `#/create?edit=${this.generation.id}.${this.#showcase.number}`;
    this.#panel.querySelector(".picture-facts")?.dispatchEvent(new Event("turned"));
  }

  #back(event) {
    if (!this.#fromGrid || event?.ctrlKey || event?.metaKey || event?.shiftKey) return;
    event?.preventDefault();
    history.back();
  }

  #key(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest?.("input, select, textarea, dialog, [role=radiogroup]")) return;
    if (event.key === "ArrowLeft") this.#step(-1);
    else if (event.key === "ArrowRight") this.#step(1);
    else if (event.key !== "Escape") return;
    else if (this.#fromGrid) history.back();
    else this.shell.go("#/gallery");
    event.preventDefault();
  }

  #neighbour(by) {
    const place = this.#neighbours.place(this.generation.id);
    return place < 0 ? null : (this.#neighbours.items[place + by] ?? null);
  }

  /** Goes to the newer or older one, in place: going back leads to the gallery, not through all of them. */
  #step(by) {
    const next = this.#neighbour(by);
    if (!next) return;
    const generation = recall(next.id) ?? next;
    rename(`#/gallery/${generation.id}`);
    document.title = `${titleOf(generation)} · Easel`;
    announce(generation.request.prompt);
    this.#show(generation);
  }

  /** Who came by a link has no list yet: the newest are looked through for this one. */
  async #findNewer() {
    const newest = new Listing();
    await newest.more();
    if (newest.place(this.generation.id) < 0) return;
    this.#neighbours = newest;
    this.#showSteps();
  }

  async #showSteps() {
    const { id } = this.generation;
    if (!this.#neighbour(1) && !this.#neighbours.done) await this.#neighbours.more();
    if (id !== this.generation.id || this.leaving.signal.aborted) return;
    for (const [button, by] of [
      [this.#newer, -1],
      [this.#older, 1],
    ]) {
      const next = this.#neighbour(by);
      button.disabled = !next;
      if (next?.images.length) new Image().src = linkOf(next, 0); // it is there when it is wanted
    }
  }
}

const titleOf = (generation) =>
  `${generation.request.prompt.slice(0, 60)}${generation.request.prompt.length > 60 ? "…" : ""}`;

const action = (glyph, words, act) =>
  h("button", { class: "button small", type: "button", on: { click: act } }, icon(glyph), words);

const stepper = (glyph, words, act) =>
  h(
    "button",
    {
      class: "button quiet icon",
      type: "button",
      disabled: true,
      "aria-label": words,
      title: `${words} (${glyph === "arrowLeft" ? "←" : "→"})`,
      on: { click: act },
    },
    icon(glyph),
  );
