/** How vendors and their routes fare, and how much of its limits the key has used. */

import { range, rangeAxis, ticks } from "./charts.js";
import { h } from "./dom.js";
import { seconds, usd, when } from "./format.js";
import { icon } from "./icons.js";
import { success } from "./usage_figures.js";

const STATES = {
  ok: { badge: "ok", word: "OK", rank: 0 },
  paused: { badge: "warn", word: "Paused", rank: 1, why: "its vendor asked to wait a moment" },
  failing: { badge: "bad", word: "Failing", rank: 2, why: "left alone for half a minute at a time, then tried again" },
  none: { badge: "none", word: "Not configured", rank: -1 },
};
const LIMITS = {
  usd_per_day: { name: "Spend today", money: true },
  usd_per_month: { name: "Spend this month", money: true },
  concurrency: { name: "At work now" },
  per_minute: { name: "Requests this minute" },
};
const NEARLY = 0.8; // of a limit

/** The catalogue's routes, each once: {name, vendor, ready, health, ...}. */
export function routesOf(models) {
  return [...new Map(models.flatMap(({ routes }) => routes).map((route) => [route.name, route])).values()];
}

/** A vendor's regions one after the other, each in the catalogue's order. */
function byEndpoint(routes) {
  const endpoint = ({ name }) => name.split("/")[0];
  const order = [...new Set(routes.map(endpoint))];
  return [...routes].sort((one, other) => order.indexOf(endpoint(one)) - order.indexOf(endpoint(other)));
}

const stateOf = ({ ready, health }) => (ready ? health.state : "none");

const badge = (state) => h("span", { class: "badge", "data-status": STATES[state].badge }, STATES[state].word);

/** Every vendor with its routes: state, success since `outcomes` began, and seconds. `outcomes` is by route's name. */
export function healthPart(routes, outcomes, period) {
  const vendors = new Map();
  for (const route of byEndpoint(routes)) vendors.set(route.vendor, [...(vendors.get(route.vendor) ?? []), route]);
  const most = ticks(Math.max(...routes.map(({ health }) => health.expected_seconds.slow), 1)).at(-1);
  return h(
    "div",
    { class: "vendors" },
    [...vendors].map(([name, mine]) => vendor(name, mine, outcomes, period, most)),
  );
}

function vendor(name, routes, outcomes, period, most) {
  const states = routes.map(stateOf);
  const worst = states.reduce((one, other) => (STATES[other].rank > STATES[one].rank ? other : one));
  return h(
    "section",
    { class: "card vendor", "aria-label": name },
    h("header", null, h("h3", null, name), badge(worst), h("p", { class: "soft small" }, sentence(states))),
    worst === "none"
      ? null
      : h(
          "div",
          { class: "route-row route-head soft small", "aria-hidden": "true" },
          h("span", null, "Route"),
          h("span", null, `Success, ${period} days`),
          h("span", null, "Typical to slow"),
          rangeAxis(most, (value) => `${value} s`),
          h("span"),
        ),
    h(
      "ul",
      null,
      routes.map((route) => routeRow(route, outcomes.get(route.name), most)),
    ),
  );
}

function sentence(states) {
  const ready = states.filter((state) => state !== "none");
  if (!ready.length) return "This deployment has no key of this vendor.";
  const bad = ready.filter((state) => state !== "ok");
  const routes =
    ready.length === 1
      ? "The one route"
      : bad.length
        ? `${ready.length - bad.length} of ${ready.length} routes`
        : ready.length === 2
          ? "Both routes"
          : `All ${ready.length} routes`;
  if (!bad.length) return `${routes} can be used.`;
  return ready.length === 1
    ? `The one route is ${STATES[bad[0]].word.toLowerCase()}: ${STATES[bad[0]].why}.`
    : `${routes} can be used; the others are tried again by themselves.`;
}

function routeRow(route, outcome, most) {
  const state = stateOf(route);
  const { expected_seconds: expected, recent, failures_in_a_row: failures } = route.health;
  const fails = failures ? `${failures} ${failures === 1 ? "failure" : "failures"} in a row` : null;
  return h(
    "li",
    { class: "route-row", "data-state": state },
    h(
      "span",
      { class: "route-name" },
      h("code", null, route.name),
      state === "ok" && !fails
        ? null
        : h("span", { class: "route-state" }, badge(state), fails && h("span", { class: "soft small" }, fails)),
    ),
    h("span", { class: "route-success" }, successOf(outcome)),
    h(
      "span",
      { class: "route-seconds number" },
      h("span", { class: "unseen" }, "Typically "),
      seconds(expected.typical),
      " to ",
      seconds(expected.slow),
    ),
    h("span", { class: "route-range" }, range({ ...expected, most, measured: recent > 0 })),
    h("span", { class: "route-recent soft small" }, recent ? `${recent} recent` : "by catalogue"),
  );
}

function successOf(outcome) {
  const found = outcome && success(outcome);
  if (!found) return h("span", { class: "soft" }, h("span", { class: "unseen" }, "Success: "), "none made");
  const percent = found.share * 100;
  const words = `${percent > 99.9 && percent < 100 ? "> 99.9" : percent.toFixed(percent < 100 ? 1 : 0)} %`;
  return [
    h(
      "span",
      { class: "number" },
      h("span", { class: "unseen" }, "Success: "),
      words,
      h("span", { class: "soft small" }, ` of ${found.ended.toLocaleString("en")}`),
    ),
    h(
      "span",
      { class: "share", "aria-hidden": "true" },
      h("span", { class: "share-fill", styles: { width: `${percent}%` } }),
    ),
  ];
}

/** Health in one sentence, for the top of the page: {kind, words}. */
export function summary(routes) {
  const ready = routes.filter(({ ready: configured }) => configured);
  const failing = ready.filter(({ health }) => health.state === "failing");
  const paused = ready.filter(({ health }) => health.state === "paused");
  if (!ready.length) return { kind: "bad", words: "No vendor is configured: put a vendor's key into the deployment." };
  if (failing.length)
    return {
      kind: failing.length === ready.length ? "bad" : "warn",
      words:
        `${failing.map(({ name }) => name).join(", ")} ${failing.length === 1 ? "is" : "are"} failing; ` +
        "Easel uses other routes where there are any.",
    };
  if (paused.length)
    return { kind: "warn", words: `${paused.map(({ name }) => name).join(", ")} asked to wait; Easel does.` };
  return { kind: "good", words: `All ${ready.length} configured routes can be used.` };
}

/** What limits the key and its tenant, and how much of it is used. */
export function limitsPart(key) {
  const meters = [
    ...metersOf("this key", key.limits, key.used),
    ...metersOf(`all keys of ${key.tenant}`, key.tenant_limits, key.tenant_used),
  ];
  const about = [key.name && `“${key.name}”`, key.prefix && `${key.prefix}…`].filter(Boolean).join(" ");
  return h(
    "div",
    { class: "limits" },
    h(
      "p",
      { class: "soft" },
      `Key ${about} of tenant ${key.tenant}. `,
      key.expires_at ? `It works until ${when(key.expires_at)}.` : "It does not expire.",
    ),
    meters.length
      ? h("ul", { class: "meters" }, meters)
      : h(
          "p",
          { class: "unlimited" },
          icon("info"),
          "Nothing limits what this key may spend, nor how much it may do at a time.",
        ),
  );
}

function metersOf(whose, limits, used) {
  return Object.entries(LIMITS)
    .filter(([name]) => limits?.[name] !== null && limits?.[name] !== undefined)
    .map(([name, { name: words, money }]) => {
      const [most, now] = [Number(limits[name]), Number(used?.[name] ?? 0)];
      const share = most > 0 ? Math.min(1, now / most) : 1;
      const told = money
        ? `${usd(used?.[name] ?? "0")} of ${usd(limits[name])}`
        : `${now.toLocaleString("en")} of ${most.toLocaleString("en")}`;
      return h(
        "li",
        { "data-level": share >= 1 ? "full" : share >= NEARLY ? "high" : "fine" },
        h("span", null, words, h("span", { class: "soft small" }, ` ${whose}`)),
        h("span", { class: "number" }, told, share >= 1 ? " (reached)" : ""),
        h("progress", { class: "progress", max: 1, value: share, "aria-label": `${words}, ${whose}: ${told}` }),
      );
    });
}
