/** Labelled controls of a form. Each is {element, name, value(), set(value), fail(message)}. */

import { h, replace } from "./dom.js";
import { icon } from "./icons.js";

/** A control with its label, hint and place for an error, which the control is described by. */
export function field({ name, label, hint = "", aside = null, control, wide = null }) {
  const id = `field-${name.replaceAll(".", "-")}`;
  const error = h("p", { class: "error", id: `${id}-error` });
  const told = h("p", { class: "hint", id: `${id}-hint` }, hint);
  control.id = id;
  control.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
  const element = h(
    "div",
    { class: "field", "data-field": name },
    h("div", { class: "field-head" }, h("label", { for: id }, label), aside),
    wide ?? control,
    told,
    error,
  );
  return {
    element,
    name,
    hint: (words) => replace(told, words),
    fail(message) {
      replace(error, message ? [icon("alert"), h("span", null, message)] : null);
      if (message) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    },
  };
}

/** Some lines of text, with a count of what a route takes (null: no limit). Counted in code points, as the API does. */
export function text({ name, label, rows, placeholder = "", hint = "" }) {
  const count = h("span", { class: "soft number text-count" });
  const control = h("textarea", { rows, placeholder, spellcheck: "true", autocomplete: "off" });
  const made = field({ name, label, hint, aside: count, control });
  let limit = null;
  const recount = () => {
    const length = [...control.value].length;
    replace(count, limit && length > limit * 0.7 ? `${length} of ${limit}` : null);
    count.classList.toggle("is-over", Boolean(limit) && length > limit);
  };
  control.addEventListener("input", recount);
  return {
    ...made,
    control,
    limit(most) {
      limit = most;
      recount();
    },
    value: () => control.value.trim() || undefined,
    set(value) {
      control.value = value ?? "";
      recount();
    },
  };
}

/** A number, left out where empty. A text that is no number is kept as it is, for the API to refuse. */
export function number({ name, label, hint = "", least, most, step = 1, placeholder = "", extra = null }) {
  const control = h("input", {
    type: "number",
    inputmode: step === 1 ? "numeric" : "decimal",
    min: least,
    max: most,
    step,
    placeholder,
    autocomplete: "off",
  });
  const made = field({
    name,
    label,
    hint,
    control,
    wide: extra && h("div", { class: "form-beside" }, control, extra(control)),
  });
  return {
    ...made,
    control,
    value: () => (control.value === "" ? undefined : Number(control.value)),
    set: (value) => {
      control.value = value ?? "";
    },
  };
}

/** A choice; the first option stands for leaving the field out. */
export function choice({ name, label, hint = "", options }) {
  const control = h("select", null);
  const made = field({ name, label, hint, control });
  const offer = (list) => {
    const before = control.value;
    replace(
      control,
      list.map(([value, words]) => h("option", { value }, words)),
    );
    control.value = list.some(([value]) => value === before) ? before : list[0][0];
  };
  offer(options);
  return {
    ...made,
    control,
    offer,
    value: () => control.value || undefined,
    set(value) {
      const known = [...control.options].some((option) => option.value === String(value ?? ""));
      control.value = known ? String(value ?? "") : control.options[0].value;
    },
  };
}

/** On, off, or as the vendor has it. */
export function toggle({ name, label, hint = "" }) {
  const made = choice({
    name,
    label,
    hint,
    options: [
      ["", "Vendor’s default"],
      ["true", "On"],
      ["false", "Off"],
    ],
  });
  return { ...made, value: () => (made.control.value ? made.control.value === "true" : undefined) };
}

/** A tick box, whose label stands behind it. */
export function tick({ name, label, hint = "" }) {
  const control = h("input", { type: "checkbox", id: `field-${name}`, "aria-describedby": `field-${name}-hint` });
  const error = h("p", { class: "error" });
  const element = h(
    "div",
    { class: "field", "data-field": name },
    h("label", { class: "checkline", for: `field-${name}` }, control, label),
    h("p", { class: "hint", id: `field-${name}-hint` }, hint),
    error,
  );
  return {
    element,
    name,
    control,
    value: () => control.checked || undefined,
    set: (value) => {
      control.checked = Boolean(value);
    },
    fail: (message) => replace(error, message ? [icon("alert"), message] : null),
  };
}
