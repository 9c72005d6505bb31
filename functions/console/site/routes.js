/** The choice of routes: the best by the policy, or one's own in order; each with its price, time, state and fit. */

import { announce, h, replace } from "./dom.js";
import { seconds, usd } from "./format.js";
import { icon } from "./icons.js";

const STATES = { ok: ["ok", "Well"], failing: ["failing", "Failing"], paused: ["paused", "Paused"] };

/** The control for `route`. `changed` is called when the choice is. */
export function routePicker({ changed }) {
  const list = h("ol", { class: "routes" });
  const error = h("p", { class: "error" });
  const best = radio("best", "Best route", "Easel decides, by price, time and how the routes fare");
  const mine = radio("mine", "My order", "The routes that you tick, tried in that order");
  const element = h(
    "fieldset",
    { class: "field", "data-field": "route" },
    h("legend", null, "Route"),
    h("div", { class: "route-modes" }, best.label, mine.label),
    list,
    error,
  );
  let routes = [];
  let boxes = new Map(); // a tick box by its route's name
  let ticked = []; // names, in the order in which they are tried
  let forecast = null;

  function radio(value, words, title) {
    const input = h("input", {
      type: "radio",
      name: "routing",
      value,
      checked: value === "best",
      on: { change: choose },
    });
    return { input, label: h("label", { class: "route-mode", title }, input, words) };
  }

  function choose() {
    if (mine.input.checked && !ticked.length)
      ticked = forecast?.routes.length ? [forecast.routes[0].route] : ready().slice(0, 1);
    draw();
    changed();
  }

  const ready = () => routes.filter((route) => route.ready).map((route) => route.name);
  const inOrder = () => {
    const order = mine.input.checked ? ticked : (forecast?.routes ?? []).map((one) => one.route);
    const place = (route) => (order.includes(route.name) ? order.indexOf(route.name) : order.length);
    return [...routes].sort((a, b) => place(a) - place(b));
  };

  function draw() {
    const held = list.contains(document.activeElement) && document.activeElement.dataset.key;
    replace(list, inOrder().map(row));
    if (held) list.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus();
  }

  function row(route) {
    const told = forecast?.routes.find((one) => one.route === route.name);
    const refused = forecast?.refused.find((one) => one.route === route.name);
    const place = mine.input.checked ? ticked.indexOf(route.name) : (forecast?.routes ?? []).indexOf(told);
    const out = !route.ready || Boolean(refused);
    return h(
      "li",
      { class: "route", "data-out": out || (mine.input.checked && place < 0) },
      mine.input.checked
        ? ticker(route)
        : h("span", { class: "route-rank number", "aria-hidden": "true" }, told ? place + 1 : "–"),
      h(
        "div",
        { class: "route-words" },
        h("p", { class: "route-title" }, route.name),
        h("p", { class: "small soft" }, why(route, told, refused, place)),
      ),
      mine.input.checked && place > 0 ? earlier(route, place) : null,
      h("div", { class: "route-facts number" }, figures(route, told)),
    );
  }

  function figures(route, told) {
    const [status, words] = STATES[told?.health ?? route.health.state] ?? ["", route.health.state];
    const time = told?.expected_seconds.typical ?? route.health.expected_seconds.typical;
    const price = told ? told.estimated_usd.amount : route.estimated_usd;
    return [
      h("p", null, usd(price), h("span", { class: "soft" }, ` · ${seconds(Math.ceil(time))}`)),
      status === "ok" ? null : h("span", { class: "badge", "data-status": status }, words),
    ];
  }

  /** The reason for its place, where it is another than that of the route before. */
  function why(route, told, refused, place) {
    if (!route.ready) return "This deployment has no key for this vendor";
    if (refused) return refusedWords(refused);
    const before = forecast?.routes[place - 1]?.because;
    return told && told.because !== before ? `${route.vendor}: ${told.because}` : route.vendor;
  }

  /** The same box at every drawing: it may be under a finger at this moment. */
  function ticker(route) {
    const place = ticked.indexOf(route.name);
    const box = boxes.get(route.name);
    box.checked = place >= 0;
    return h(
      "label",
      { class: "route-rank number" },
      box,
      h("span", { class: "unseen" }, route.name),
      place >= 0 && ticked.length > 1 ? place + 1 : null,
    );
  }

  function tickRoute(name) {
    ticked = ticked.includes(name) ? ticked.filter((one) => one !== name) : [...ticked, name];
    draw();
    if (ticked.length > 1 && ticked.includes(name)) announce(`${name} is tried as number ${ticked.indexOf(name) + 1}`);
    changed();
  }

  function earlier(route, place) {
    const move = () => {
      ticked.splice(place - 1, 2, ticked[place], ticked[place - 1]);
      draw();
      announce(`${route.name} is tried as number ${place}`);
      changed();
    };
    return h(
      "button",
      {
        class: "button quiet icon small route-up",
        type: "button",
        "data-key": `up ${route.name}`,
        "aria-label": `Try ${route.name} earlier`,
        on: { click: move },
      },
      icon("chevron"),
    );
  }

  return {
    element,
    name: "route",
    /** The routes that can serve the request: those that are ticked, else all. */
    candidates: () =>
      mine.input.checked && ticked.length
        ? ticked.map((name) => routes.find((route) => route.name === name))
        : routes.filter((route) => route.ready),
    value: () => (mine.input.checked && ticked.length ? (ticked.length === 1 ? ticked[0] : ticked) : undefined),
    offer(now) {
      routes = now;
      ticked = ticked.filter((name) => ready().includes(name));
      if (!ticked.length) best.input.checked = true;
      forecast = null;
      boxes = new Map(
        now.map(({ name, ready: able }) => [
          name,
          h("input", { type: "checkbox", "data-key": name, disabled: !able, on: { change: () => tickRoute(name) } }),
        ]),
      );
      draw();
    },
    set(value) {
      const names = value === undefined ? [] : [value].flat();
      ticked = names.filter((name) => ready().includes(name));
      (ticked.length ? mine : best).input.checked = true;
      draw();
    },
    /** What a dry run told of the routes; null while nothing is known. */
    tell(now) {
      forecast = now;
      draw();
    },
    fail: (message) => replace(error, message ? [icon("alert"), message] : null),
  };
}

/** Why a route cannot do what is asked, from a dry run's `refused`. */
function refusedWords(refused) {
  return (
    (refused.errors ?? []).map((one) => `${one.field}: ${one.message}`).join("; ") ||
    refused.because ||
    refused.reason ||
    "cannot do this"
  );
}
