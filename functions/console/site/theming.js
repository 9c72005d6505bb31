/** The button that changes the light: as the system has it, light, dark. */

import { announce, h, replace } from "./dom.js";
import { icon } from "./icons.js";

const THEMES = ["system", "light", "dark"];
const DRAWN = { system: "system", light: "sun", dark: "moon" };

/** A button that goes through the themes; the choice outlives the session. */
export function themeButton() {
  const button = h("button", {
    class: "button quiet icon",
    type: "button",
    on: { click: () => choose(button, next()) },
  });
  return dressed(button);
}

const current = () => document.documentElement.dataset.theme ?? "system";
const next = () => THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length];

function choose(button, theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  keep(theme);
  dressed(button);
  announce(`Theme: ${theme}`);
}

function dressed(button) {
  const words = `Theme: ${current()}. Change to ${next()}.`;
  button.title = words;
  button.setAttribute("aria-label", words);
  return replace(button, icon(DRAWN[current()]));
}

function keep(theme) {
  try {
    if (theme === "system") localStorage.removeItem("easel.theme");
    else localStorage.setItem("easel.theme", theme);
  } catch {
    // Storage is closed to this page: the choice holds until it is reloaded.
  }
}
