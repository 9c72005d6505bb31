/** The buttons under a viewer: fit, own pixels, nearer, further. */

import { h } from "./dom.js";

/** {element, draw}: `viewer` gives the viewer that they work on; `draw` shows how it stands. */
export function zoomButtons(viewer) {
  const button = (words, title, act) =>
    h("button", { class: "button quiet small", type: "button", title, "aria-label": title, on: { click: act } }, words);
  const fit = button("Fit", "Fit the frame (0)", () => viewer().fit());
  const own = button("100 %", "Own pixels (1)", () => viewer().ownSize());
  const level = h("output", { class: "level number small soft" });
  const element = h(
    "div",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    button("−", "Further away (−)", () => viewer().step(-1)),
    level,
    button("+", "Nearer (+)", () => viewer().step(1)),
    fit,
    own,
  );
  const draw = () => {
    const { scale, view } = viewer();
    level.textContent = `${Math.round(scale * 100)} %`;
    fit.setAttribute("aria-pressed", String(view.zoom <= 1));
    own.setAttribute("aria-pressed", String(Math.abs(scale - 1) < 0.005));
  };
  return { element, draw };
}
