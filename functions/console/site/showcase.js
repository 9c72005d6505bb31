/** Where a generation's pictures stand, large: one at a time, zoomed as one likes; or how far it has come. */

import { h, replace } from "./dom.js";
import { statusWord } from "./format.js";
import { icon } from "./icons.js";
import { absent, picture, show } from "./picture.js";
import { ENDED, progressView } from "./progress.js";
import { View, Viewer } from "./viewer.js";
import { zoomButtons } from "./zooming.js";

const KEYS = "Plus and minus zoom, 1 shows its own pixels, 0 fits it, arrows move it when it is zoomed.";

/** `number` is the picture that is shown, `turned` is called when another is. */
export class Showcase {
  number = 0;
  turned = () => {};
  element = h("section", { class: "showcase", "aria-label": "Picture" });
  #generation = null;
  #viewer = null;
  #progress = null;
  #thumbs = [];

  /** Shows the generation; `offset` is how far this clock is behind the server's, in milliseconds. */
  show(generation, offset = 0) {
    const before = this.#generation;
    this.#generation = generation;
    if (!ENDED.has(generation.status)) return this.#showProgress(before, offset);
    if (before?.id === generation.id && before.status === generation.status) return undefined;
    this.stop();
    this.number = 0;
    return generation.images.length ? this.#showPictures() : this.#showNothing();
  }

  /** What kept its state from being learnt; it is asked for again. */
  lost(problem) {
    this.#progress?.lost(problem);
  }

  stop() {
    this.#viewer?.stop();
    this.#progress?.stop();
    this.#viewer = null;
    this.#progress = null;
  }

  #showProgress(before, offset) {
    if (!this.#progress || before?.id !== this.#generation.id) {
      this.stop();
      this.#progress = progressView();
      replace(this.element, h("div", { class: "absent" }, this.#progress.element));
    }
    this.#progress.show(this.#generation, offset);
  }

  #showNothing() {
    const { status } = this.#generation;
    replace(
      this.element,
      h("div", { class: "absent" }, icon(status === "canceled" ? "cancel" : "alert"), h("p", null, statusWord(status))),
    );
  }

  #showPictures() {
    const { images } = this.#generation;
    const zoom = zoomButtons(() => this.#viewer);
    this.#viewer = new Viewer(new View(), { label: `Picture. ${KEYS}`, changed: () => zoom.draw() });
    this.#thumbs = images.length > 1 ? images.map((_, number) => this.#thumb(number)) : [];
    const strip =
      this.#thumbs.length > 0 &&
      h("div", { class: "showcase-strip", role: "group", "aria-label": "Pictures" }, this.#thumbs);
    replace(this.element, this.#viewer.element, h("div", { class: "showcase-under" }, strip, zoom.element));
    this.#turn(0);
  }

  #thumb(number) {
    const image = picture(this.#generation, number, { alt: "" });
    show(image, this.#generation, number);
    return h(
      "button",
      {
        class: "showcase-thumb",
        type: "button",
        "aria-label": `Picture ${number + 1}`,
        on: { click: () => this.#turn(number) },
      },
      image,
    );
  }

  #turn(number) {
    this.number = number;
    this.#thumbs.forEach((thumb, place) => thumb.setAttribute("aria-pressed", String(place === number)));
    const { width, height } = this.#generation.images[number];
    const image = picture(this.#generation, number);
    this.element.style.setProperty("--shape", width / height);
    this.#viewer.put(image, this.#generation.images[number]);
    this.#viewer.fit();
    show(image, this.#generation, number, () => image.isConnected && image.after(absent()));
    this.turned();
  }
}
