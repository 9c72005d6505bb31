/** A picture to look into: fitted to its frame, zoomed to its own pixels and beyond, dragged about. */

import { h } from "./dom.js";

const DEEPEST = 8; // screen pixels to one of the picture's
const STEP = 1.5; // of a key or button
const WHEEL = 0.0022; // of a wheel's way, in its exponent
const PAN_STEP = 0.12; // of the frame, of an arrow key

/** What several viewers look at together: `zoom` (1 fits the frame), and the point (0 to 1) in the middle. */
export class View {
  zoom = 1;
  x = 0.5;
  y = 0.5;
  #viewers = new Set();

  join(viewer) {
    this.#viewers.add(viewer);
  }

  leave(viewer) {
    this.#viewers.delete(viewer);
  }

  set(change) {
    Object.assign(this, change);
    for (const viewer of this.#viewers) viewer.draw();
  }
}

/** A frame around one image of known size. `wheel`: "always" zooms by the wheel, else only when zoomed or with Ctrl. */
export class Viewer {
  #pointers = new Map(); // id → last {x, y}
  #image = null;
  #size = { width: 1, height: 1 };
  #observer = new ResizeObserver(() => this.draw());

  constructor(view, { label, wheel = "zoomed", changed = () => {} }) {
    this.view = view;
    this.wheel = wheel;
    this.changed = changed;
    this.element = h("div", {
      class: "viewer",
      tabindex: "0",
      role: "group",
      "aria-roledescription": "picture viewer",
      "aria-label": label,
      on: {
        pointerdown: (event) => this.#down(event),
        pointermove: (event) => this.#move(event),
        pointerup: (event) => this.#up(event),
        pointercancel: (event) => this.#up(event),
        dblclick: (event) => this.#toggle(event),
        keydown: (event) => this.#key(event),
      },
    });
    this.element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.#observer.observe(this.element);
    view.join(this);
  }

  stop() {
    this.#observer.disconnect();
    this.view.leave(this);
  }

  /** Puts an <img> of this size into the frame. */
  put(image, { width, height }) {
    this.#image = image;
    this.#size = { width, height };
    this.element.replaceChildren(image);
    this.draw();
  }

  /** CSS pixels to one of the picture's, when it fits: a small picture is not blown up. */
  get #fit() {
    const { clientWidth, clientHeight } = this.element;
    return Math.min(clientWidth / this.#size.width, clientHeight / this.#size.height, this.#own);
  }

  /** CSS pixels to one of the picture's, at 100 %: one pixel of it is one of the screen. */
  get #own() {
    return 1 / devicePixelRatio;
  }

  /** Screen pixels to one of the picture's: 1 is 100 %. */
  get scale() {
    return (this.#fit * this.view.zoom) / this.#own;
  }

  get #deepest() {
    return Math.max(1, (DEEPEST * this.#own) / this.#fit);
  }

  draw() {
    if (!this.#image || !this.element.clientWidth) return;
    const zoom = Math.min(Math.max(1, this.view.zoom), this.#deepest);
    const scale = this.#fit * zoom;
    const { width, height } = this.#size;
    const { clientWidth, clientHeight } = this.element;
    const [left, top] = [
      offset(this.view.x, width * scale, clientWidth),
      offset(this.view.y, height * scale, clientHeight),
    ];
    Object.assign(this.#image.style, {
      width: `${width}px`,
      height: `${height}px`,
      transform: `translate(${left}px, ${top}px) scale(${scale})`,
    });
    this.element.classList.toggle("zoomed", zoom > 1);
    this.element.classList.toggle("sharp", scale > 2 * this.#own);
    this.changed();
  }

  /** Zooms to this many times the fit; the point of the frame (from its upper left, px) stays under the pointer. */
  zoomTo(zoom, at = this.#middle) {
    const to = Math.min(Math.max(1, zoom), this.#deepest);
    const before = this.#fit * this.view.zoom;
    const after = this.#fit * to;
    const middle = this.#middle;
    const x = this.view.x + ((at.x - middle.x) / this.#size.width) * (1 / before - 1 / after);
    const y = this.view.y + ((at.y - middle.y) / this.#size.height) * (1 / before - 1 / after);
    this.view.set({ zoom: to, ...this.#within(x, y, to) });
  }

  zoomBy(factor, at) {
    this.zoomTo(this.view.zoom * factor, at);
  }

  fit() {
    this.view.set({ zoom: 1, x: 0.5, y: 0.5 });
  }

  /** One pixel of the picture on one of the screen. */
  ownSize(at) {
    this.zoomTo(this.#own / this.#fit, at);
  }

  /** The keys' and buttons' steps. */
  step(direction) {
    this.zoomBy(STEP ** direction);
  }

  get #middle() {
    return { x: this.element.clientWidth / 2, y: this.element.clientHeight / 2 };
  }

  /** Keeps the picture's edge from leaving the frame's. */
  #within(x, y, zoom) {
    const scale = this.#fit * zoom;
    const half = { x: this.#middle.x / (this.#size.width * scale), y: this.#middle.y / (this.#size.height * scale) };
    return { x: clamp(x, half.x), y: clamp(y, half.y) };
  }

  #pan(dx, dy) {
    const scale = this.#fit * this.view.zoom;
    this.view.set(
      this.#within(
        this.view.x - dx / (this.#size.width * scale),
        this.view.y - dy / (this.#size.height * scale),
        this.view.zoom,
      ),
    );
  }

  #at(event) {
    const box = this.element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  #wheel(event) {
    if (!event.ctrlKey && this.view.zoom <= 1 && this.wheel !== "always") return;
    event.preventDefault();
    const way = event.deltaY * (event.deltaMode === 1 ? 16 : 1) * (event.ctrlKey ? 4 : 1);
    this.zoomBy(Math.exp(-way * WHEEL), this.#at(event));
  }

  #down(event) {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, this.#at(event));
    if (this.view.zoom > 1 || this.#pointers.size > 1) this.element.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#at(event);
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, now);
    if (other)
      this.zoomBy(far(now, other) / Math.max(1, far(before, other)), {
        x: (now.x + other.x) / 2,
        y: (now.y + other.y) / 2,
      });
    else if (this.view.zoom > 1) this.#pan(now.x - before.x, now.y - before.y);
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
  }

  #toggle(event) {
    if (this.view.zoom > 1) this.fit();
    else this.ownSize(this.#at(event));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const frame = { x: this.element.clientWidth * PAN_STEP, y: this.element.clientHeight * PAN_STEP };
    const ways = {
      ArrowLeft: [frame.x, 0],
      ArrowRight: [-frame.x, 0],
      ArrowUp: [0, frame.y],
      ArrowDown: [0, -frame.y],
    };
    if (event.key === "+" || event.key === "=") this.step(1);
    else if (event.key === "-") this.step(-1);
    else if (event.key === "0") this.fit();
    else if (event.key === "1") this.ownSize();
    else if (ways[event.key] && this.view.zoom > 1) this.#pan(...ways[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Where the picture's edge lies: in the middle where it is smaller than the frame, else never inside of it. */
function offset(point, length, frame) {
  if (length <= frame) return (frame - length) / 2;
  return Math.min(0, Math.max(frame - length, frame / 2 - point * length));
}

const clamp = (point, half) => (half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, point)));

const far = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
