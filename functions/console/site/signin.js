/** The sign-in: a key is tried before it is kept, in this tab's session only. */

import { Problem, session, tryKey } from "./api.js";
import { h, replace } from "./dom.js";
import { icon } from "./icons.js";

/** Asks until a key is good; gives what /v1/key tells of it. `problem` is why the last one was refused. */
export function askForKey(problem) {
  return new Promise((resolve) => {
    const error = h("p", { class: "error", id: "key-error", role: "alert" });
    const field = h("input", {
      id: "key",
      name: "key",
      type: "password",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      required: true,
      autofocus: true,
      "aria-describedby": "key-hint key-error",
    });
    const button = h("button", { class: "button primary", type: "submit" }, "Sign in");
    const form = h(
      "form",
      { novalidate: true },
      h("img", { src: "console/favicon.svg", alt: "" }),
      h("h1", { id: "signin-title" }, "Sign in to Easel"),
      h(
        "div",
        { class: "field" },
        h("label", { for: "key" }, "API key"),
        field,
        error,
        h(
          "p",
          { class: "hint", id: "key-hint" },
          "Kept in this tab until you close it or sign out. On your own machine, make run prints it.",
        ),
      ),
      button,
    );
    const dialog = h("dialog", { class: "signin", "aria-labelledby": "signin-title" }, form);
    const tell = (words) => {
      replace(error, words ? [icon("alert"), words] : null);
      field.setAttribute("aria-invalid", String(Boolean(words)));
    };

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const key = field.value.trim();
      if (!key) return (tell("Enter a key."), field.focus());
      button.disabled = true;
      try {
        const told = await tryKey(key);
        session.key = key;
        dialog.close();
        dialog.remove();
        resolve(told);
      } catch (refusal) {
        tell(reason(refusal));
        button.disabled = false;
        field.select();
      }
    });
    dialog.addEventListener("cancel", (event) => event.preventDefault()); // without a key there is nothing to go back to
    if (problem) tell("The key that you were signed in with is not accepted any more.");
    document.body.append(dialog);
    dialog.showModal();
    field.focus();
  });
}

function reason(error) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401) return "Easel does not know this key, or it has expired or been revoked.";
  return error.detail;
}
