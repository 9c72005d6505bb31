/** The gallery: everything that was asked for, newest first; #/gallery/gen_… is one of them by itself. */

import { announce, h, replace } from "./dom.js";
import { statusWord } from "./format.js";
import { Grid } from "./grid.js";
import { icon } from "./icons.js";
import { Listing } from "./listing.js";
import { clear, isChosen, toggle, tray, watchSelection } from "./selection.js";
import { cameFromWithin, leftGeneration, rename, visit } from "./visit.js";
// What those import in turn: named here, it is asked for at once, and not file by file as each is read.
import "./known.js";
import "./layout.js";
import "./picture.js";
import "./progress.js";
import "./facts.js";
import "./tile.js";

const STATUSES = {
  "At work": ["queued", "submitting", "processing", "persisting"],
  Ended: ["succeeded", "failed", "canceled", "expired"],
};
const SKELETONS = [1.78, 0.75, 1, 1.33, 0.56, 1.78, 1, 1.33, 1.78, 0.75, 1.33, 1];
const KEPT_MS = 30 * 60_000; // a list that was left longer ago is read anew

/** The place #/gallery[?status=&model=], or the page of one generation. */
export async function place(params, shell) {
  if (params.path.length) return (await import("./details.js")).place(params, shell);
  return new Gallery(filtersOf(params.query), shell).place();
}

function filtersOf(query) {
  return { status: query.get("status") ?? "", model: query.get("model") ?? "" };
}

class Gallery {
  #listing;
  #grid;
  #body = h("div", { class: "gallery-body" });
  #foot = h("div", { class: "gallery-foot" });
  #count = h("span", { class: "gallery-count soft number" });
  #models = null; // the select that lacks its models yet
  #stops = [];

  constructor(filters, shell) {
    this.shell = shell;
    this.filters = filters;
  }

  place() {
    this.#grid = new Grid({
      near: () => this.#near(),
      choose: (generation) => this.#choose(generation),
      chosen: isChosen,
    });
    const selected = tray();
    const element = h("div", { class: "gallery" }, this.#head(), this.#body, this.#foot, selected.element);
    element.addEventListener("keydown", (event) => event.key === "Escape" && clear());
    const saved = setInterval(() => this.#note(), 500);
    this.#stops = [
      selected.stop,
      watchSelection(() => this.#grid.mark()),
      () => this.#grid.stop(),
      () => clearInterval(saved),
    ];
    const left = this.#left();
    this.#list(left?.listing ?? new Listing(this.filters));
    requestAnimationFrame(() => this.#resume(left)); // the shell scrolls up and moves the focus when it has put the place
    return { title: "Gallery", element, stop: () => this.#stop() };
  }

  #stop() {
    visit.gallery = { listing: this.#listing, top: this.#top, at: Date.now() };
    this.#listing.rest();
    this.#stops.forEach((stop) => stop());
  }

  #top = 0;

  /** Notes where the person is, for the way back: in the history too, for those who came from further away. */
  #note() {
    if (this.#top === scrollY || !this.#body.isConnected) return;
    this.#top = scrollY;
    history.replaceState({ ...history.state, top: scrollY }, "");
  }

  /** The gallery as it was left, where it can go on: the same filters, not long ago. */
  #left() {
    const left = visit.gallery;
    const same = left && JSON.stringify(left.listing.filters) === JSON.stringify(this.filters);
    return same && Date.now() - left.at < KEPT_MS ? left : null;
  }

  #resume(left) {
    if (!left) return;
    const within = cameFromWithin();
    this.#grid.restore(within ? left.top : (history.state?.top ?? 0));
    const seen = leftGeneration();
    if (within && seen) this.#grid.focus(seen);
  }

  #list(listing) {
    this.#listing?.rest();
    this.#listing = listing;
    listing.catchUp();
    listing.watch(() => this.#show());
    this.#show();
    if (listing.blank) listing.more();
  }

  #near() {
    if (!this.#listing.problem && !this.#listing.blank) this.#listing.more();
  }

  #choose(generation) {
    if (generation.images.length) toggle(generation);
    else announce("There is no picture to compare");
  }

  #head() {
    const choice = (name, options, labelled) => {
      const select = h(
        "select",
        { id: `gallery-${name}`, value: this.filters[name], on: { change: () => this.#filter(name, select.value) } },
        options,
      );
      return h("div", { class: "field" }, h("label", { for: select.id, class: "unseen" }, labelled), select);
    };
    const statuses = Object.entries(STATUSES).map(([group, names]) =>
      h(
        "optgroup",
        { label: group },
        names.map((name) => option(name, statusWord(name))),
      ),
    );
    const model = choice(
      "model",
      [option("", "Every model"), this.filters.model && option(this.filters.model)],
      "Model",
    );
    this.#models = model.querySelector("select");
    return h(
      "header",
      { class: "heading" },
      h("div", { class: "gallery-name" }, h("h1", null, "Gallery"), this.#count),
      h(
        "div",
        { class: "gallery-filters", role: "group", "aria-label": "Show only" },
        choice("status", [option("", "Every status"), statuses], "Status"),
        model,
      ),
    );
  }

  /** Once the first page is there, which is not to wait for this. */
  async #offerModels() {
    const select = this.#models;
    if (!select) return;
    this.#models = null;
    const models = await this.shell.models().catch(() => []);
    const names = models.map((model) => model.id).filter((name) => name !== this.filters.model);
    select.append(...names.map((name) => option(name)));
  }

  #filter(name, value) {
    this.filters = { ...this.filters, [name]: value };
    const given = Object.entries(this.filters).filter(([, wanted]) => wanted);
    rename(`#/gallery${given.length ? `?${new URLSearchParams(given)}` : ""}`);
    scrollTo(0, 0);
    this.#list(new Listing(this.filters));
  }

  #show() {
    const { items, done, blank, problem, stale } = this.#listing;
    if (items.length) {
      if (!this.#grid.element.isConnected) replace(this.#body, this.#grid.element);
      this.#grid.show(items, done);
    } else if (problem) replace(this.#body, this.#failed(problem));
    else if (done) replace(this.#body, this.#empty());
    else if (!this.#body.querySelector(".skeletons")) replace(this.#body, skeletons());
    if (!items.length && !done && !problem && !blank) this.#listing.more();
    replace(this.#count, blank ? "" : counted(items.length, done), stale && " · not up to date");
    this.#count.title = stale?.detail ?? "";
    if (!blank) this.#offerModels();
    this.#showFoot(items.length > 0);
  }

  /** Below the grid: what keeps it from going on, if anything does. */
  #showFoot(filled) {
    const { problem, done } = this.#listing;
    if (filled && problem) {
      const words = `Older ones could not be loaded. ${problem.detail ?? ""}`;
      const again = h(
        "button",
        { class: "button small", type: "button", on: { click: () => this.#listing.more() } },
        icon("retry"),
        "Try again",
      );
      replace(this.#foot, h("div", { class: "note", "data-kind": "warn", role: "status" }, words, again));
    } else replace(this.#foot, filled && !done && h("p", { class: "soft small" }, "Loading older ones …"));
  }

  #failed(problem) {
    const again = h(
      "button",
      {
        class: "button",
        type: "button",
        on: {
          click: () => {
            this.#listing.more();
            this.#show();
          },
        },
      },
      icon("retry"),
      "Try again",
    );
    return h(
      "div",
      { class: "empty", role: "alert" },
      icon("alert"),
      h("h2", null, "The gallery cannot be loaded"),
      h("p", null, problem.detail ?? problem.message),
      again,
    );
  }

  #empty() {
    if (!this.filters.status && !this.filters.model) {
      return h(
        "div",
        { class: "empty" },
        icon("image"),
        h("h2", null, "No pictures yet"),
        h("p", null, "What you make appears here, while it is being made."),
        h("a", { class: "button primary", href: "#/create" }, "Create a picture"),
      );
    }
    const all = h(
      "button",
      { class: "button", type: "button", on: { click: () => this.shell.go("#/gallery") } },
      "Show everything",
    );
    return h(
      "div",
      { class: "empty" },
      icon("search"),
      h("h2", null, "Nothing matches"),
      h("p", null, "There is no generation of this status and model."),
      all,
    );
  }
}

const option = (value, words = value) => h("option", { value }, words);

const counted = (number, done) =>
  done ? `${number.toLocaleString("en")} in all` : `${number.toLocaleString("en")} so far`;

function skeletons() {
  return h(
    "div",
    { class: "skeletons", "aria-label": "Loading", role: "status" },
    SKELETONS.map((shape) => h("div", { class: "skeleton", styles: { flexGrow: shape, aspectRatio: String(shape) } })),
  );
}
