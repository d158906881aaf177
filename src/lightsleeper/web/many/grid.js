/** A table that only has the rows in sight: a million rows cost as much as 30. */

import { el, oncePerFrame } from "../shared/dom.js";

const OVERSCAN = 6;
/** Browsers draw nothing higher than this, so of more rows a step of the scroll bar is several. */
const MOST_PX = 8_000_000;

/**
 * @typedef {{name: string, index: number}} Column
 *
 * @typedef {object} Shown one row's cells, as text
 * @property {string} number
 * @property {string} text
 * @property {string} label
 * @property {string} tone
 * @property {string} score
 * @property {number} share
 * @property {string} title
 * @property {string[]} own the cells of the file's other columns
 */

export class Grid {
  /**
   * @param {HTMLElement} scroller
   * @param {HTMLTableElement} table
   * @param {{show: (row: number) => Shown, open: (row: number) => void}} source
   */
  constructor(scroller, table, { show, open }) {
    this.scroller = scroller;
    this.table = table;
    this.show = show;
    this.open = open;
    /** @type {Uint32Array} */
    this.rows = new Uint32Array();
    this.above = spacer();
    this.below = spacer();
    /** @type {HTMLTableRowElement[]} */
    this.pool = [];
    /** @type {Column[]} the file's other columns */
    this.columns = [];
    table.tBodies[0].append(this.above, this.below);
    this.draw = oncePerFrame(() => this.#draw());
    scroller.addEventListener("scroll", this.draw, { passive: true });
    new ResizeObserver(this.draw).observe(scroller);
  }

  /** @param {Column[]} columns of the file, to show behind ours */
  setColumns(columns) {
    this.columns = columns;
    const head = this.table.tHead?.rows[0];
    for (const old of head?.querySelectorAll(".of-file") ?? []) old.remove();
    head?.append(...columns.map(headOf));
    for (const spacer of [this.above, this.below]) spacer.cells[0].colSpan = 4 + columns.length;
    this.table.style.setProperty("--own", String(columns.length));
    this.#resize(0);
    this.draw();
  }

  /** @param {Uint32Array} rows which rows there are, in order */
  setRows(rows) {
    this.rows = rows;
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
    this.draw();
  }

  #draw() {
    // Two lines a row on a phone: style.css knows.
    const rowPx = parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row"));
    const fit = Math.ceil(this.scroller.clientHeight / rowPx) + 2 * OVERSCAN;
    const size = Math.min(fit, this.rows.length);
    const heightPx = Math.min(MOST_PX, this.rows.length * rowPx);
    const last = this.rows.length - size;
    const scrollable = Math.max(1, heightPx - this.scroller.clientHeight);
    const exact = this.rows.length * rowPx <= MOST_PX;
    const at = exact ? this.scroller.scrollTop / rowPx : (this.scroller.scrollTop / scrollable) * (this.rows.length - fit + 2 * OVERSCAN);
    const first = Math.max(0, Math.min(Math.floor(at) - OVERSCAN, last));
    const abovePx = exact ? first * rowPx : Math.max(0, Math.min(this.scroller.scrollTop - OVERSCAN * rowPx, heightPx - size * rowPx));
    this.#resize(size);
    setHeight(this.above, abovePx);
    setHeight(this.below, Math.max(0, heightPx - abovePx - size * rowPx));
    this.pool.forEach((element, index) => this.#fill(element, first + index));
  }

  /** @param {number} size */
  #resize(size) {
    while (this.pool.length < size) this.pool.push(this.#newRow());
    while (this.pool.length > size) this.pool.pop()?.remove();
  }

  #newRow() {
    const open = el("button", { type: "button", class: "open" });
    open.addEventListener("click", () => this.open(Number(open.dataset.row)));
    const bar = el("span", { class: "mini", "aria-hidden": "true" }, el("span", { class: "fill" }));
    const row = /** @type {HTMLTableRowElement} */ (
      el(
        "tr",
        {},
        el("td", { class: "numbers muted of-row" }),
        el("td", { class: "of-text" }, open),
        el("td", { class: "of-label" }, el("span", { class: "tag" })),
        el("td", { class: "numbers of-score" }, el("span", {}), bar),
        ...this.columns.map(() => el("td", { class: "of-file" })),
      )
    );
    this.below.before(row);
    return row;
  }

  /**
   * @param {HTMLTableRowElement} element
   * @param {number} index in the shown order
   */
  #fill(element, index) {
    const row = this.rows[index];
    const { number, text, label, tone, score, share, title, own } = this.show(row);
    const [numberCell, textCell, labelCell, scoreCell, ...ownCells] = /** @type {any} */ (element.cells);
    element.setAttribute("aria-rowindex", String(index + 2));
    element.dataset.tone = tone;
    numberCell.textContent = number;
    textCell.firstElementChild.dataset.row = row;
    textCell.firstElementChild.textContent = text;
    labelCell.firstElementChild.textContent = label;
    labelCell.firstElementChild.title = title;
    scoreCell.firstElementChild.textContent = score;
    scoreCell.lastElementChild.firstElementChild.style.transform = `scaleX(${share})`;
    own.forEach((cell, place) => (ownCells[place].textContent = ownCells[place].title = cell));
  }
}

/** @param {Column} column */
function headOf({ name, index }) {
  const button = el("button", { type: "button" }, name);
  return el("th", { scope: "col", class: "of-file", title: name, "data-sort": "own", "data-column": String(index), "aria-sort": "none" }, button);
}

function spacer() {
  return /** @type {HTMLTableRowElement} */ (el("tr", { class: "spacer", "aria-hidden": "true" }, el("td", { colspan: "4" })));
}

/**
 * @param {HTMLTableRowElement} row
 * @param {number} px
 */
function setHeight(row, px) {
  row.hidden = px === 0;
  row.cells[0].style.height = `${px}px`;
}
