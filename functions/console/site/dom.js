/** Elements without markup: no string ever becomes HTML, so no prompt or error text can do anything. */

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";
// Attributes give these a start only; what a person sees is the property. Set last: a select's value needs its options.
const PROPERTIES = new Set(["value", "checked", "indeterminate"]);
const TOAST_MS = 6000;

/** An HTML element: h("a", {class: "button", href: "#/usage", on: {click: go}, styles: {width: "3rem"}}, "Usage"). */
export function h(tag, props, ...children) {
  return build(document.createElement(tag), props, children);
}

/** The same in SVG's namespace. */
export function svg(tag, props, ...children) {
  return build(document.createElementNS(SVG_NAMESPACE, tag), props, children);
}

/** Puts the children in place of all that the node had. */
export function replace(node, ...children) {
  node.replaceChildren(...nodes(children));
  return node;
}

/** Speaks a text to screen readers, without moving the focus. */
export function announce(text) {
  const region = document.getElementById("said");
  if (!region) return;
  // The same words twice are spoken twice only if the region was empty in between.
  region.textContent = "";
  setTimeout(() => {
    region.textContent = text;
  }, 60);
}

/** Shows a text for some seconds, and speaks it; kind is "info", "good" or "bad". */
export function toast(text, kind = "info") {
  announce(text);
  const note = h("div", { class: "toast", "data-kind": kind }, h("p", null, text));
  const close = h(
    "button",
    { class: "button quiet icon", type: "button", "aria-label": "Dismiss", on: { click: () => note.remove() } },
    "×",
  );
  note.append(close);
  document.getElementById("toasts")?.append(note);
  const leave = () => setTimeout(() => (note.matches(":hover, :focus-within") ? leave() : note.remove()), TOAST_MS);
  leave();
}

function build(element, props, children) {
  const late = [];
  for (const [name, value] of Object.entries(props ?? {})) {
    if (PROPERTIES.has(name)) late.push([name, value]);
    else set(element, name, value);
  }
  element.append(...nodes(children));
  for (const [name, value] of late) if (value !== null && value !== undefined) element[name] = value;
  return element;
}

function set(element, name, value) {
  if (name === "on") {
    for (const [event, listener] of Object.entries(value)) if (listener) element.addEventListener(event, listener);
  } else if (name === "styles") {
    for (const [property, text] of Object.entries(value)) style(element, property, text);
  } else if (value === null || value === undefined) {
    return;
  } else if (name.startsWith("aria-")) {
    element.setAttribute(name, String(value)); // aria-expanded="false" says something, unlike `hidden`
  } else if (value !== false) {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

function style(element, property, text) {
  if (property.startsWith("--")) element.style.setProperty(property, text);
  else element.style[property] = text;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}
