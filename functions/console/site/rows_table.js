/** A table of thousands of rows, of which only those in sight are elements. Rows have one height, `--row` in batches.css. */

import { h, replace } from "./dom.js";

const BEYOND = 8; // rows above and below those in sight, so that scrolling shows no gaps

/** `columns` are [{name, words, cell(row)}]; `open(row)` is called for a row that is clicked, or whose `name` is chosen
    with the keyboard. Gives {element, show(rows), stop()}. */
export function rowsTable({ label, columns, open, empty }) {
  const state = { rows: [], drawn: new Map(), height: 0 };
  const body = h("div", { class: "rows-body", role: "rowgroup" });
  const head = h(
    "div",
    { class: "rows-head", role: "rowgroup" },
    h(
      "div",
      { class: "rows-row", role: "row", "aria-rowindex": 1 },
      columns.map(({ name, words }) => h("span", { class: `rows-cell ${name}`, role: "columnheader" }, words)),
    ),
  );
  const table = h("div", { class: "rows-table", role: "table", "aria-label": label }, head, body);
  const none = h("p", { class: "rows-none soft", hidden: true }, empty);
  const element = h("div", { class: "rows card", tabindex: 0, role: "region", "aria-label": label }, table, none);

  const make = (row, index) =>
    h(
      "div",
      {
        class: "rows-row",
        role: "row",
        "aria-rowindex": index + 2,
        "data-wrong": Boolean(row.error),
        styles: { top: `${index * state.height}px` },
        on: { click: () => open(row) },
      },
      columns.map(({ name, cell }) => h("span", { class: `rows-cell ${name}`, role: "cell" }, cell(row))),
    );

  function draw() {
    const first = Math.max(0, Math.floor(element.scrollTop / state.height) - BEYOND);
    const last = Math.min(
      state.rows.length,
      Math.ceil((element.scrollTop + element.clientHeight) / state.height) + BEYOND,
    );
    for (const [index, node] of state.drawn) {
      if (index >= first && index < last) continue;
      if (node.contains(document.activeElement)) continue; // the focus is not taken away by scrolling
      node.remove();
      state.drawn.delete(index);
    }
    for (let index = first; index < last; index += 1) {
      if (state.drawn.has(index)) continue;
      const node = make(state.rows[index], index);
      state.drawn.set(index, node);
      body.insertBefore(node, after(index)); // in their order, also for those who read without seeing
    }
  }

  const after = (index) =>
    [...body.children].find((node) => Number(node.getAttribute("aria-rowindex")) > index + 2) ?? null;

  function lay() {
    state.height = Number.parseFloat(getComputedStyle(element).getPropertyValue("--row")) || 44;
    body.style.height = `${state.rows.length * state.height}px`;
    state.drawn.clear();
    replace(body);
    if (element.isConnected) draw();
  }

  function show(rows) {
    state.rows = rows;
    table.setAttribute("aria-rowcount", String(rows.length + 1));
    none.hidden = rows.length > 0;
    element.scrollTop = 0;
    lay();
  }

  let frame = 0;
  element.addEventListener(
    "scroll",
    () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        draw();
      });
    },
    { passive: true },
  );
  const sight = new ResizeObserver(lay);
  sight.observe(element);
  return { element, show, stop: () => sight.disconnect() };
}
