/** The gallery's grid: of thousands of tiles only those near the screen are in the document. */

import { h } from "./dom.js";
import { between, rows, search, shape } from "./layout.js";
import { Tile } from "./tile.js";

const GAP = 6; // px between tiles
const MARGIN = 16; // px around a tile that gets the focus
const NEAR = 0.75; // of a screen: how far beyond its edges rows are drawn
const AHEAD = 2.5; // screens: how near the list's end may come before more is asked for
const FLYING = 2.5; // px a millisecond: what passes as quickly is not looked at, and its picture not asked for
const FLIGHT_MS = 150; // over which the pace is measured, so that one turn of a wheel is no flight
const LANDED_MS = 90; // without scrolling, until the pictures of a flight's end are asked for
const TICK_MS = 1000;

/** Rows of tiles below each other, scrolled with the page. `near` is called when the end comes near. */
export class Grid {
  #items = [];
  #rows = [];
  #width = 0;
  #tiles = new Map(); // id → Tile, of those that are drawn
  #drawn = new Map(); // row number → {element, edition}
  #edition = 0; // counts arrangements: a row that was drawn since the last one is as it should be
  #active = null; // id of the tile that Tab reaches
  #frame = 0;
  #landing = 0;
  #trail = []; // [{at, top}] of the last moments
  #waiting = new Set(); // tiles whose pictures wait for the flight's end
  #leaving = new AbortController();

  constructor({ near, choose, chosen }) {
    this.near = near;
    this.choose = choose;
    this.chosen = chosen;
    this.element = h("div", {
      class: "wall",
      role: "grid",
      "aria-label": "Generations, newest first",
      "aria-multiselectable": "true",
      on: { keydown: (event) => this.#key(event), focusin: (event) => this.#focused(event) },
    });
    const { signal } = this.#leaving;
    addEventListener("scroll", () => this.#soon(), { passive: true, signal });
    addEventListener("resize", () => this.#soon(), { passive: true, signal });
    this.#observer = new ResizeObserver(() => this.#measured());
    this.#observer.observe(this.element);
    this.#ticking = setInterval(() => this.#tiles.forEach((tile) => tile.tick()), TICK_MS);
  }

  #observer;
  #ticking;

  stop() {
    this.#leaving.abort();
    this.#observer.disconnect();
    clearInterval(this.#ticking);
    clearTimeout(this.#landing);
    cancelAnimationFrame(this.#frame);
  }

  /** Shows these generations; what the person looks at stays where it is on the screen. */
  show(items, complete) {
    const anchor = this.#anchor();
    this.#items = items;
    this.element.dataset.complete = String(complete);
    if (!this.#width) return;
    this.#arrange();
    this.#hold(anchor);
    this.#draw();
  }

  /** Scrolls to where the person was, in px of the page. */
  restore(top) {
    this.#measured();
    scrollTo(0, top);
    this.#draw();
  }

  /** Moves the focus to a tile, and scrolls no further than is needed to see it. */
  focus(id) {
    const place = this.#items.findIndex((one) => one.id === id);
    if (place < 0 || !this.#rows.length) return;
    this.#activate(id);
    this.#reveal(this.#rows[this.#rowOf(place)]);
    this.#draw();
    this.#tiles.get(id)?.link.focus({ preventScroll: true });
  }

  /** Marks what is selected. */
  mark() {
    for (const [id, tile] of this.#tiles) tile.choose(this.chosen(id));
  }

  #measured() {
    const width = this.element.clientWidth;
    if (!width || width === this.#width) return;
    const anchor = this.#anchor();
    this.#width = width;
    this.#arrange();
    this.#hold(anchor);
    this.#draw();
  }

  #arrange() {
    this.#edition += 1;
    const height = this.#width < 560 ? 168 : this.#width < 1000 ? 196 : 228;
    this.#rows = rows(this.#items.map(shape), { width: this.#width, height, gap: this.#width < 560 ? 4 : GAP });
    const last = this.#rows.at(-1);
    this.element.style.height = `${last ? last.top + last.height : 0}px`;
    this.element.setAttribute("aria-rowcount", this.element.dataset.complete === "true" ? this.#rows.length : -1);
  }

  /** How far the screen's upper edge is below the grid's. */
  #top() {
    return -this.element.getBoundingClientRect().top;
  }

  /** The first tile on the screen and its distance from the edge; null at the top, where news is to be seen. */
  #anchor() {
    const top = this.#top();
    if (top <= 0 || !this.#rows.length) return null;
    const row =
      this.#rows[
        Math.min(
          search(this.#rows, (one) => one.top + one.height > top),
          this.#rows.length - 1,
        )
      ];
    return { id: this.#items[row.first]?.id, distance: row.top - top };
  }

  #hold(anchor) {
    const place = anchor ? this.#items.findIndex((one) => one.id === anchor.id) : -1;
    if (place < 0) return;
    const moved = this.#rows[this.#rowOf(place)].top - anchor.distance - this.#top();
    if (Math.abs(moved) >= 1) scrollBy(0, moved);
  }

  #rowOf(place) {
    return search(this.#rows, (row) => row.first + row.tiles.length > place);
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  /** Draws the rows near the screen, and takes away the others. */
  #draw() {
    const top = this.#top();
    const screen = innerHeight;
    const flying = this.#flies(top);
    const held = this.element.contains(document.activeElement);
    const [first, end] = between(this.#rows, top - NEAR * screen, top + (1 + NEAR) * screen);
    const wanted = new Set(Array.from({ length: end - first }, (_, place) => first + place));
    const kept = this.#keepActive(top, held);
    if (kept >= 0) wanted.add(kept);
    for (const number of wanted) this.#drawRow(number, flying);
    for (const [number, { element }] of this.#drawn) {
      if (wanted.has(number)) continue;
      this.#drawn.delete(number);
      element.remove();
    }
    this.#forget();
    // An element that moves to another row loses the focus on its way.
    if (held && !this.element.contains(document.activeElement))
      this.#tiles.get(this.#active)?.link.focus({ preventScroll: true });
    clearTimeout(this.#landing);
    if (flying) this.#landing = setTimeout(() => this.#land(), LANDED_MS);
    else this.#land();
    const bottom = this.#rows.length ? this.#rows.at(-1).top + this.#rows.at(-1).height : 0;
    if (bottom - top - screen < AHEAD * screen) this.near();
  }

  /** The row of the tile that Tab reaches, which stays drawn; without the focus it is the first on the screen. */
  #keepActive(top, held) {
    let place = held ? this.#items.findIndex((one) => one.id === this.#active) : -1;
    if (place < 0)
      place =
        (this.#rows[search(this.#rows, (row) => row.top >= top + this.#covered())] ?? this.#rows.at(-1))?.first ?? -1;
    this.#activate(this.#items[place]?.id ?? null);
    return place < 0 ? -1 : this.#rowOf(place);
  }

  #drawRow(number, flying) {
    const row = this.#rows[number];
    const drawn = this.#drawn.get(number);
    if (drawn?.edition === this.#edition) return;
    const element = drawn?.element ?? h("div", { class: "wall-row", role: "row", "aria-rowindex": number + 1 });
    if (!drawn) this.#insert(number, element);
    this.#drawn.set(number, { element, edition: this.#edition });
    const items = this.#items.slice(row.first, row.first + row.tiles.length);
    Object.assign(element.style, { top: `${row.top}px`, height: `${row.height}px` });
    items.forEach((item, place) => {
      const tile = this.#tile(item);
      tile.put(row.tiles[place], row.height);
      if (element.children[place] !== tile.element) element.insertBefore(tile.element, element.children[place] ?? null);
      if (flying) this.#waiting.add(tile);
      else tile.load();
    });
    while (element.children.length > items.length) element.lastChild.remove();
  }

  /** Rows stand in the document in their order, for those who read it from top to bottom. */
  #insert(number, element) {
    const next = [...this.element.children].find((other) => Number(other.getAttribute("aria-rowindex")) > number + 1);
    this.element.insertBefore(element, next ?? null);
  }

  #tile(item) {
    let tile = this.#tiles.get(item.id);
    if (!tile) {
      tile = new Tile(item, this.choose);
      tile.choose(this.chosen(item.id));
      this.#tiles.set(item.id, tile);
    }
    tile.update(item);
    tile.link.tabIndex = item.id === this.#active ? 0 : -1;
    return tile;
  }

  #forget() {
    for (const [id, tile] of this.#tiles) {
      if (tile.element.isConnected && this.element.contains(tile.element)) continue;
      this.#tiles.delete(id);
      this.#waiting.delete(tile);
    }
  }

  #flies(top) {
    const at = performance.now();
    this.#trail = [...this.#trail.filter((one) => at - one.at < FLIGHT_MS), { at, top }];
    return Math.abs(top - this.#trail[0].top) > FLYING * FLIGHT_MS;
  }

  #land() {
    for (const tile of this.#waiting) tile.load();
    this.#waiting.clear();
  }

  #focused(event) {
    const id = event.target.closest(".tile")?.dataset.id;
    if (id) this.#activate(id);
  }

  #activate(id) {
    if (id === this.#active) return;
    const [before, now] = [this.#tiles.get(this.#active), this.#tiles.get(id)];
    if (before) before.link.tabIndex = -1;
    if (now) now.link.tabIndex = 0;
    this.#active = id;
  }

  /** How much of the screen's upper edge the shell's bar covers, in px. */
  #covered() {
    return document.querySelector(".bar")?.offsetHeight ?? 0;
  }

  #key(event) {
    const id = event.target.closest(".tile")?.dataset.id;
    if (!id || event.altKey || event.metaKey || event.shiftKey) return;
    if (event.key === " " && event.target.matches(".tile-open")) {
      event.preventDefault();
      this.choose(this.#tiles.get(id).generation);
      return;
    }
    const place = this.#goal(
      event,
      this.#items.findIndex((one) => one.id === id),
    );
    if (place === null) return;
    event.preventDefault();
    this.focus(this.#items[Math.max(0, Math.min(this.#items.length - 1, place))].id);
  }

  /** Where a key leads from a tile; null where it leads nowhere. */
  #goal({ key, ctrlKey }, place) {
    const row = this.#rows[this.#rowOf(place)];
    if (key === "ArrowLeft") return place - 1;
    if (key === "ArrowRight") return place + 1;
    if (key === "Home") return ctrlKey ? 0 : row.first;
    if (key === "End") return ctrlKey ? this.#items.length - 1 : row.first + row.tiles.length - 1;
    if (key === "ArrowUp") return this.#beside(place, -1);
    if (key === "ArrowDown") return this.#beside(place, 1);
    const page = Math.max(1, Math.floor((innerHeight * 0.8) / (row.height + GAP)));
    if (key === "PageUp") return this.#beside(place, -page);
    if (key === "PageDown") return this.#beside(place, page);
    return null;
  }

  /** The tile nearest to straight above or below, so many rows away. */
  #beside(place, by) {
    const number = this.#rowOf(place);
    const target = Math.max(0, Math.min(this.#rows.length - 1, number + by));
    if (target === number) return place;
    const own = this.#rows[number].tiles[place - this.#rows[number].first];
    const middle = own.left + own.width / 2;
    const { first, tiles } = this.#rows[target];
    const far = tiles.map(({ left, width }) => Math.abs(left + width / 2 - middle));
    return first + far.indexOf(Math.min(...far));
  }

  #reveal(row) {
    const [above, below] = [this.#covered() + MARGIN, MARGIN];
    const top = this.#top();
    if (row.top < top + above) scrollBy(0, row.top - top - above);
    else if (row.top + row.height > top + innerHeight - below)
      scrollBy(0, row.top + row.height - top - innerHeight + below);
  }
}
