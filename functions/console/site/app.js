/** The shell: which place is shown, who is signed in, and in what light. */

import { api, aborted, onRefusedKey, Problem, session } from "./api.js";
import { announce, h, replace, toast } from "./dom.js";
import { icon } from "./icons.js";
import { askForKey } from "./signin.js";
import { themeButton } from "./theming.js";

const PLACES = {
  create: { name: "Create", icon: "create", load: () => import("./create.js") },
  gallery: { name: "Gallery", icon: "gallery", load: () => import("./gallery.js") },
  batches: { name: "Batches", icon: "batches", load: () => import("./batches.js") },
  usage: { name: "Usage", icon: "usage", load: () => import("./usage.js") },
};
const ELSEWHERE = { compare: { under: "gallery", load: () => import("./compare.js") } };

const TENANT = "easel.tenant"; // whose draft and page this is

const main = document.getElementById("main");
let shown = { stop() {} };
let turn = 0; // counts navigations: what a slow one brings after the next has begun is dropped
let known = null;
let asking = null;

const shell = {
  /** Goes to a place: go("#/gallery"). */
  go(hash) {
    if (location.hash === hash) show();
    else location.hash = hash;
  },
  /** What can be asked for: the data of /v1/models, read once a session. */
  models() {
    known ??= api.get("/v1/models").then((answer) => answer.data);
    known.catch(() => {
      known = null;
    });
    return known;
  },
  toast,
  announce,
};

/** The place's name and what it is asked for: "#/gallery/gen_1?model=x" → {name, path: ["gen_1"], query}. */
function asked() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decoded);
  return { name: name || "create", path: rest.filter(Boolean), query: new URLSearchParams(query) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function show() {
  const mine = ++turn;
  const { name, path, query } = asked();
  shown.stop();
  shown = { stop() {} };
  markPlace(name);
  const entry = PLACES[name] ?? ELSEWHERE[name];
  if (!entry) return put(lost());
  const waiting = setTimeout(() => mine === turn && replace(main, loading()), 150);
  try {
    const { place } = await entry.load();
    if (mine !== turn) return;
    const made = await place({ path, query }, shell);
    if (mine !== turn) return made.stop();
    put(made);
  } catch (error) {
    if (mine === turn && !aborted(error)) put(broken(error));
  } finally {
    clearTimeout(waiting);
  }
}

function put({ title, element, stop = () => {} }) {
  shown = { stop };
  document.title = `${title} · Easel`;
  replace(main, element);
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function markPlace(name) {
  const current = ELSEWHERE[name]?.under ?? name;
  for (const link of document.querySelectorAll("#places a")) {
    if (link.dataset.place === current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

const loading = () => h("div", { class: "skeleton", "aria-hidden": "true", styles: { height: "60vh" } });

function lost() {
  const element = h(
    "div",
    { class: "empty" },
    h("h1", null, "There is nothing here"),
    h("a", { class: "button", href: "#/create" }, "Create a picture"),
  );
  return { title: "Not found", element };
}

/** A place that could not be shown: what happened, and a way to try once more where that can help. */
function broken(error) {
  const words = error instanceof Problem ? error.detail : "This part of the console could not be loaded.";
  if (!(error instanceof Problem)) console.error(error);
  const again = h("button", { class: "button", type: "button", on: { click: show } }, icon("retry"), "Try again");
  return {
    title: "Not shown",
    element: h(
      "div",
      { class: "empty", role: "alert" },
      icon("alert"),
      h("h1", null, "This cannot be shown now"),
      h("p", null, words),
      error.status === 403 ? null : again,
    ),
  };
}

/** One sign-in at a time, whoever asks for it. The page below stays as it is, unless another tenant comes. */
function signIn(problem = null) {
  asking ??= askForKey(problem).then((key) => {
    const before = sessionStorage.getItem(TENANT);
    if (before === null ? problem : before !== key.tenant) return startAfresh();
    asking = null;
    known = null;
    showWho(key);
  });
  return asking;
}

/** Nothing of what the former key could see stays: no draft, nothing read, nothing under way. */
function startAfresh() {
  const { key } = session;
  sessionStorage.clear();
  session.key = key;
  location.reload();
  return new Promise(() => {}); // what waits for the new key belongs to the former tenant
}

function showWho(key) {
  sessionStorage.setItem(TENANT, key.tenant);
  const who = key.tenant === key.name || !key.name ? key.tenant : `${key.tenant} · ${key.name}`;
  const out = h(
    "button",
    { class: "button quiet icon", type: "button", title: "Sign out", "aria-label": "Sign out", on: { click: signOut } },
    icon("signOut"),
  );
  replace(
    document.getElementById("corner"),
    h("span", { class: "who", title: `Signed in with the key ${key.prefix ?? ""}…` }, who),
    themeButton(),
    out,
  );
}

function signOut() {
  sessionStorage.clear(); // the key, and what was begun with it
  location.reload(); // nothing of what this key could see stays in the page
}

async function start() {
  const links = Object.entries(PLACES).map(([name, { name: words, icon: drawn }]) =>
    h("a", { href: `#/${name}`, "data-place": name }, icon(drawn), words),
  );
  replace(document.getElementById("places"), links);
  replace(document.getElementById("corner"), themeButton());
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the hash is the place's
    main.querySelector("h1")?.focus();
  });
  onRefusedKey(signIn);
  if (!session.key) await signIn();
  else api.get("/v1/key").then(showWho, () => {}); // the place itself tells when something is wrong
  addEventListener("hashchange", show);
  show();
}

start();
