/** The console's icons: strokes on a grid of 24, in the colour of the text around them. */

import { svg } from "./dom.js";

const PATHS = {
  alert: "M12 4 2.8 20h18.4zM12 10v4.5M12 17.4v.1",
  arrowLeft: "M19 12H5m6-6-6 6 6 6",
  arrowRight: "M5 12h14m-6-6 6 6-6 6",
  batches: "M4 5h16M4 12h16M4 19h16M8 3v4M15 10v4M10 17v4",
  cancel: "M6 6l12 12M18 6 6 18",
  check: "m4.5 12.5 5 5 10-11",
  chevron: "m6 9 6 6 6-6",
  compare: "M12 3v18M4 6h5v12H4zM15 6h5v12h-5z",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  create: "M12 5v14M5 12h14",
  download: "M12 4v11m-5-5 5 5 5-5M4 20h16",
  edit: "m4 20 1-4.5L16.5 4l3.5 3.5L8.5 19zM14 6.5l3.5 3.5",
  gallery: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  image: "M3.5 4.5h17v15h-17zm0 12 5-5.5 4.5 5 3-3 4.5 4.5M15.5 8.5v.1",
  info: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 8v5.5M12 7.6v.1",
  key: "M14.5 9.5 21 3m-4 4 2.5 2.5M9.5 9.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  retry: "M20 12a8 8 0 1 1-2.5-5.8M20 3v4.5h-4.5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zm4.8 11.3L20.5 20.5",
  signOut: "M10 4H4v16h6M9 12h11m-4-4 4 4-4 4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zm0-6v2m0 16v2M2 12h2m16 0h2M5 5l1.4 1.4m11.2 11.2L19 19M5 19l1.4-1.4M17.6 6.4 19 5",
  system: "M3 5h18v11H3zm5 15h8m-4-4v4",
  upload: "M12 20V8m-5 5 5-5 5 5M4 4h16",
  usage: "M4 20h16M6.5 16v-5M12 16V5M17.5 16V9",
};

/** An icon by its name; it says nothing to screen readers, so a button needs words or an aria-label beside it. */
export function icon(name) {
  return svg(
    "svg",
    { class: "glyph", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
