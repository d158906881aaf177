/** A table that only has the rows in sight: 100,000 rows cost as much as 30. */

import { el, oncePerFrame } from "../shared/dom.js";

/** As in style.css. */
const ROW_PX = 40;
const OVERSCAN = 6;

/**
 * @typedef {object} Shown one row's cells, as text
 * @property {string} number
 * @property {string} text
 * @property {string} label
 * @property {string} tone
 * @property {string} score
 * @property {number} share
 * @property {string} title
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
    table.tBodies[0].append(this.above, this.below);
    this.draw = oncePerFrame(() => this.#draw());
    scroller.addEventListener("scroll", this.draw, { passive: true });
    new ResizeObserver(this.draw).observe(scroller);
  }

  /** @param {Uint32Array} rows which rows there are, in order */
  setRows(rows) {
    this.rows = rows;
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
    this.draw();
  }

  #draw() {
    const fit = Math.ceil(this.scroller.clientHeight / ROW_PX) + 2 * OVERSCAN;
    const size = Math.min(fit, this.rows.length);
    const scrolled = Math.floor(this.scroller.scrollTop / ROW_PX) - OVERSCAN;
    const first = Math.max(0, Math.min(scrolled, this.rows.length - size));
    this.#resize(size);
    setHeight(this.above, first);
    setHeight(this.below, this.rows.length - first - size);
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
        el("td", { class: "numbers muted" }),
        el("td", {}, open),
        el("td", {}, el("span", { class: "tag" })),
        el("td", { class: "numbers" }, el("span", {}), bar),
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
    const { number, text, label, tone, score, share, title } = this.show(row);
    const [numberCell, textCell, labelCell, scoreCell] = /** @type {any} */ (element.cells);
    element.setAttribute("aria-rowindex", String(index + 2));
    element.dataset.tone = tone;
    numberCell.textContent = number;
    textCell.firstElementChild.dataset.row = row;
    textCell.firstElementChild.textContent = text;
    labelCell.firstElementChild.textContent = label;
    labelCell.firstElementChild.title = title;
    scoreCell.firstElementChild.textContent = score;
    scoreCell.lastElementChild.firstElementChild.style.transform = `scaleX(${share})`;
  }
}

function spacer() {
  return /** @type {HTMLTableRowElement} */ (el("tr", { class: "spacer", "aria-hidden": "true" }, el("td", { colspan: "4" })));
}

/**
 * @param {HTMLTableRowElement} row
 * @param {number} rows
 */
function setHeight(row, rows) {
  row.hidden = rows === 0;
  row.cells[0].style.height = `${rows * ROW_PX}px`;
}
