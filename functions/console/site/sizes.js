/** The size, drawn: one little frame for each ratio in its true proportion, exact pixels, or sides of one's own. */

import { h, replace } from "./dom.js";
import { icon } from "./icons.js";
import { proportion } from "./offers.js";

const AREA = 900; // square pixels of each drawn frame: all sizes are about as many pixels, too
const OWN = /^(\d+)[*x](\d+)$/;

/** The control for `size`. `changed` is called when the choice is; `offer(sizes)` says what there is to choose from. */
export function sizePicker({ changed }) {
  const tiles = h("div", {
    class: "size-tiles",
    role: "radiogroup",
    "aria-labelledby": "size-label",
    on: { change: pick },
  });
  const exact = h("div", { class: "size-chips", role: "group", "aria-label": "Exact size in pixels" });
  const width = side("Width in pixels");
  const height = side("Height in pixels");
  const own = h(
    "div",
    { class: "size-own" },
    width,
    h("span", { class: "soft" }, "×"),
    height,
    h("span", { class: "soft" }, "pixels"),
  );
  const hint = h("p", { class: "hint" });
  const error = h("p", { class: "error", id: "size-error" });
  const element = h(
    "div",
    { class: "field", "data-field": "size" },
    h("p", { class: "label", id: "size-label" }, "Size"),
    tiles,
    exact,
    own,
    hint,
    error,
  );
  let sizes = { groups: [], free: null, offered: false };
  let chosen = { kind: "any" }; // or {kind: "ratio", ratio, pixels}, or {kind: "own"}

  function side(label) {
    return h("input", {
      type: "number",
      inputmode: "numeric",
      min: 1,
      step: 1,
      "aria-label": label,
      on: { input: () => changed() },
    });
  }

  function pick(event) {
    const value = event.target.value;
    if (value === "any" || value === "own") chosen = { kind: value };
    else chosen = { kind: "ratio", ratio: value, pixels: null };
    follow();
    changed();
    if (value === "own" && !width.value) width.focus();
  }

  function tile(value, words, drawn) {
    return h(
      "label",
      { class: "size-tile", title: words },
      h("input", { type: "radio", name: "size", value, class: "over-radio", "aria-describedby": "size-error" }),
      h("span", { class: "size-drawn", "aria-hidden": "true" }, drawn),
      h("span", { class: "size-words" }, words),
    );
  }

  function draw() {
    const ratios = sizes.groups.map(({ ratio }) => tile(ratio, ratio, frame(proportion(ratio))));
    replace(
      tiles,
      tile("any", "Any", h("span", { class: "size-frame is-any" })),
      ratios,
      sizes.free && tile("own", "Own", icon("edit")),
    );
    follow();
  }

  /** Shows what belongs to the choice: the ticked tile, its exact sizes, the two sides. */
  function follow() {
    const value = chosen.kind === "ratio" ? chosen.ratio : chosen.kind;
    for (const input of tiles.querySelectorAll("input")) input.checked = input.value === value;
    const group = sizes.groups.find(({ ratio }) => chosen.kind === "ratio" && ratio === chosen.ratio);
    const several = group && (group.pixels.length > 1 || (group.pixels.length && sizes.free));
    exact.hidden = !several;
    replace(
      exact,
      several && [
        pixelChip(null, "As the route has it"),
        ...group.pixels.map((size) => pixelChip(size, readable(size))),
      ],
    );
    own.hidden = chosen.kind !== "own";
    if (chosen.kind === "own") replace(hint, sizes.free.replace(/^W\*H with each/, "Each"));
    else replace(hint, group?.pixels.length && !several ? `${readable(group.pixels[0])} pixels` : null);
  }

  function pixelChip(size, words) {
    const choose = () => {
      chosen = { ...chosen, pixels: size };
      follow();
      changed();
      [...exact.children].find((chip) => chip.getAttribute("aria-pressed") === "true")?.focus();
    };
    return h(
      "button",
      { class: "chip number", type: "button", "aria-pressed": chosen.pixels === size, on: { click: choose } },
      words,
    );
  }

  function ownSize() {
    return width.value || height.value ? `${width.value || 0}*${height.value || 0}` : undefined;
  }

  const value = () => {
    if (!sizes.offered || chosen.kind === "any") return undefined;
    return chosen.kind === "own" ? ownSize() : (chosen.pixels ?? chosen.ratio);
  };

  return {
    element,
    name: "size",
    value,
    /** Width over height of what is chosen, for a frame that waits for the picture; null where it is not known. */
    proportion: () => (value() ? proportion(value()) : null),
    offer(now) {
      sizes = now;
      element.hidden = !now.offered;
      if (chosen.kind === "ratio" && !now.groups.some(({ ratio }) => ratio === chosen.ratio)) chosen = { kind: "any" };
      if (chosen.kind === "ratio" && !now.groups.some(({ pixels }) => pixels.includes(chosen.pixels)))
        chosen.pixels = null;
      if (chosen.kind === "own" && !now.free) chosen = { kind: "any" };
      draw();
    },
    set(size) {
      const asked = (size ?? "").replace("x", "*");
      const group = sizes.groups.find(({ ratio, pixels }) => ratio === asked || pixels.includes(asked));
      if (group) chosen = { kind: "ratio", ratio: group.ratio, pixels: group.ratio === asked ? null : asked };
      else chosen = { kind: OWN.test(asked) && sizes.free ? "own" : "any" };
      if (chosen.kind === "own") [, width.value, height.value] = OWN.exec(asked);
      follow();
    },
    fail: (message) => replace(error, message ? [icon("alert"), message] : null),
  };
}

/** A frame of this proportion: each of the same area, so that none looks like more picture than another. */
function frame(ratio) {
  const high = Math.sqrt(AREA / ratio);
  return h("span", {
    class: "size-frame",
    styles: { width: `${(high * ratio).toFixed(1)}px`, height: `${high.toFixed(1)}px` },
  });
}

/** "1664*928" as people write it. */
const readable = (size) => size.replace(/[*x]/, " × ");
