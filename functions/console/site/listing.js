/** Generations, newest first: pages by cursor as they are wanted, and what is new or still at work looked up live. */

import { api, aborted } from "./api.js";
import { ended, read, recall, remember } from "./known.js";

const FIRST_PAGE = 30; // fills a screen, and is there sooner than more would be
const PAGE = 60; // some 200 kB
const BUSY_MS = 2000; // between looks while something is at work
const IDLE_MS = 8000; // and while nothing is
const PATIENCE_MS = 30_000; // between looks at most, while they fail
const GAP_PAGES = 5; // read to close the gap to what is new; a wider one begins the list anew
const LOOKED_UP = 6; // of those at work further down, by each look

/** A list under filters {status, model}. It calls its watcher after each change. */
export class Listing {
  items = [];
  done = false;
  problem = null; // why the last page did not come
  stale = null; // why the last look did not

  #places = new Map(); // id → place in items
  #cursor = null;
  #loading = null;
  #leaving = new AbortController();
  #timer = null;
  #failures = 0;
  #turn = 0;
  #watcher = () => {};

  constructor(filters = {}) {
    this.filters = filters;
  }

  /** A list that begins at this generation: all that are older than it. */
  static from(generation) {
    const listing = new Listing();
    listing.#cursor = generation.id;
    listing.#take([generation]);
    return listing;
  }

  get loading() {
    return this.#loading !== null;
  }

  /** Whether nothing was answered yet. */
  get blank() {
    return this.items.length === 0 && !this.done;
  }

  place(id) {
    return this.#places.get(id) ?? -1;
  }

  /** Begins to watch and to look for news. */
  watch(watcher) {
    this.#watcher = watcher;
    this.#leaving = new AbortController();
    document.addEventListener("visibilitychange", this.#seen, { signal: this.#leaving.signal });
    if (!this.blank) this.#look();
  }

  /** Ends watching and drops what is under way; what was loaded stays. */
  rest() {
    this.#leaving.abort();
    clearTimeout(this.#timer);
    this.#watcher = () => {};
  }

  /** Loads the next page; a call while one is under way waits for that one. Failures are told in `problem`. */
  more() {
    if (this.done) return Promise.resolve();
    this.#loading ??= this.#nextPage().finally(() => {
      this.#loading = null;
      this.#watcher();
    });
    return this.#loading;
  }

  async #nextPage() {
    const first = this.blank;
    if (this.#leaving.signal.aborted) this.#leaving = new AbortController(); // left by the grid, used by a neighbour
    this.problem = null;
    try {
      const page = await this.#page({ limit: first ? FIRST_PAGE : PAGE, cursor: this.#cursor });
      this.#cursor = page.next_cursor;
      this.done = page.next_cursor === null;
      this.#take(page.data);
      if (first) this.#again();
    } catch (error) {
      if (!aborted(error)) this.problem = error;
    }
  }

  async #page(query) {
    const { signal } = this.#leaving;
    const page = await api.get("/v1/generations", { signal, query: { ...this.filters, ...query } });
    return { ...page, data: page.data.map((one) => remember(one)) };
  }

  /** Puts generations in their places: ids sort by time. */
  #take(generations) {
    const byId = new Map(this.items.map((one) => [one.id, one]));
    for (const one of generations) byId.set(one.id, one);
    this.items = [...byId.values()].filter((one) => this.#belongs(one)).sort((a, b) => (a.id < b.id ? 1 : -1));
    this.#places = new Map(this.items.map((one, place) => [one.id, place]));
  }

  #belongs({ status, model }) {
    const { status: wanted, model: ofModel } = this.filters;
    return (!wanted || status === wanted) && (!ofModel || model === ofModel);
  }

  #seen = () => {
    if (!document.hidden) this.#look();
  };

  #again() {
    clearTimeout(this.#timer);
    if (this.#leaving.signal.aborted) return;
    const busy = this.items.some((one) => !ended(one));
    const pause = this.#failures ? Math.min(BUSY_MS * 2 ** this.#failures, PATIENCE_MS) : busy ? BUSY_MS : IDLE_MS;
    this.#timer = setTimeout(() => !document.hidden && this.#look(), pause);
  }

  /** Looks for news at the top, and at those further down that are still at work. */
  async #look() {
    clearTimeout(this.#timer);
    const had = this.stale;
    try {
      const news = await this.#news();
      const changed = news.filter((one) => this.items[this.place(one.id)]?.updated_at !== one.updated_at);
      this.stale = null;
      this.#failures = 0;
      if (changed.length) this.#take(changed);
      if (changed.length || had) this.#watcher();
    } catch (error) {
      if (aborted(error)) return;
      this.stale = error;
      this.#failures += 1;
      this.#watcher();
    }
    this.#again();
  }

  async #news() {
    const newest = this.items[0]?.id ?? "";
    let page = await this.#page({ limit: FIRST_PAGE });
    const found = [...page.data];
    for (let pages = 1; page.next_cursor && newest && page.next_cursor > newest; pages += 1) {
      if (pages > GAP_PAGES) return this.#anew(found, page.next_cursor);
      page = await this.#page({ limit: PAGE, cursor: page.next_cursor });
      found.push(...page.data);
    }
    return [...found, ...(await this.#lookedUp(new Set(found.map((one) => one.id))))];
  }

  /** Too much is new: the list begins with it, and goes on by cursor. */
  #anew(found, cursor) {
    this.items = [];
    this.#cursor = cursor;
    this.done = false;
    return found;
  }

  #lookedUp(seen) {
    const atWork = this.items.filter((one) => !ended(one) && !seen.has(one.id));
    const start = atWork.length ? (this.#turn++ * LOOKED_UP) % atWork.length : 0;
    const { signal } = this.#leaving;
    return Promise.all(atWork.slice(start, start + LOOKED_UP).map((one) => read(one.id, { signal })));
  }

  /** Takes what this tab has learnt elsewhere, as on a generation's own page. */
  catchUp() {
    this.#take(this.items.map((one) => recall(one.id) ?? one));
  }
}
