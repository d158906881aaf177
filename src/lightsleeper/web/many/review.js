/** The results on the page: charts, filters, sorting, the table with the file's own columns. */

import { drawBars } from "../shared/bars.js";
import { byId } from "../shared/dom.js";
import { Facets } from "./facets.js";
import { Filters, remembered } from "./filters.js";
import { Grid } from "./grid.js";
import { OwnLabels } from "./own_labels.js";
import { ranksOf } from "./ranks.js";
import { DONE, FAILED } from "./results.js";
import { Spectrum } from "./spectrum.js";
import { shareOf } from "../shared/head.js";
import { decimal, grouped, percent, plural, toneOf } from "../shared/words.js";

/** Often enough to look alive, seldom enough that counting costs little: a second for a million rows. */
const REDRAW_MS = 300;
const REDRAW_MS_A_ROW = 0.001;
const SEARCH_PAUSE_MS = 200;
const CELL_CHARS = 200;

/** @typedef {"row" | "label" | "score" | "own"} SortKey */

export class Review {
  /** @param {(text: string) => void} openText */
  constructor(openText) {
    /** @type {import("./dataset.js").Dataset | null} */
    this.dataset = null;
    /** @type {import("./results.js").Results | null} */
    this.results = null;
    /** @type {{by: SortKey, column: number, descending: boolean}} `column`: of the file's own */
    this.order = { by: "row", column: -1, descending: false };
    this.grid = new Grid(byId("grid"), byId("table"), {
      show: (row) => this.#cells(row),
      open: (row) => openText(this.dataset?.text(row) ?? ""),
    });
    this.filters = new Filters(() => this.redraw());
    this.spectrum = new Spectrum((band) => this.#setBand(band));
    this.facets = new Facets((facet) => this.filters.set("facet", facet && { ...facet, removed: () => this.facets.reset() }));
    this.own = new OwnLabels((filter) => this.filters.set("own", filter));
    this.redrawTimer = 0;
    this.searchTimer = 0;
    this.#mount();
  }

  /**
   * @param {import("./dataset.js").Dataset | null} dataset
   * @param {import("./results.js").Results | null} results
   */
  show(dataset, results) {
    [this.dataset, this.results] = [dataset, results];
    for (const id of ["charts", "facets", "results", "own"]) byId(id).hidden = !results;
    this.filters.clear();
    this.spectrum.reset();
    if (dataset && results) {
      this.grid.setColumns(this.#ownColumns().map((index) => ({ index, name: dataset.columns[index] })));
      this.#setOrder({ by: "row", column: -1, descending: false });
      this.facets.show(dataset, results);
      this.own.show(dataset, results);
    }
    byId("grid").scrollTop = 0;
    this.redraw();
  }

  /** The rows that the filters let through, in the order of the table. */
  get shown() {
    const { dataset, order } = this;
    const own = dataset && order.by === "own" ? ranksOf(dataset, order.column) : null;
    return this.results?.view(this.filters.tests, order, own) ?? new Uint32Array();
  }

  /** Soon, together with whatever else changes until then. */
  redrawSoon() {
    const ms = Math.max(REDRAW_MS, (this.results?.count ?? 0) * REDRAW_MS_A_ROW);
    this.redrawTimer ||= window.setTimeout(() => this.redraw(), ms);
  }

  redraw() {
    clearTimeout(this.redrawTimer);
    this.redrawTimer = 0;
    const { results } = this;
    if (!results) return this.grid.setRows(new Uint32Array());
    this.#drawLabels(results);
    this.spectrum.draw(results);
    this.facets.draw();
    this.own.draw();
    const rows = this.shown;
    const all = plural(results.count, "row");
    byId("shown").textContent = rows.length === results.count ? all : `${grouped(rows.length)} of ${all}`;
    this.grid.setRows(rows);
  }

  #mount() {
    byId("filter-label").addEventListener("change", () => this.#setLabel(byId("filter-label").value));
    byId("search").addEventListener("input", () => {
      clearTimeout(this.searchTimer);
      this.searchTimer = window.setTimeout(() => this.#setSearch(byId("search").value), SEARCH_PAUSE_MS);
    });
    byId("table").tHead?.addEventListener("click", (/** @type {MouseEvent} */ { target }) => {
      const header = /** @type {HTMLElement} */ (target).closest("button")?.closest("th");
      if (header) this.#sortBy(header);
    });
  }

  #ownColumns() {
    return this.dataset?.columns.map((_, index) => index).filter((index) => index !== this.dataset?.column) ?? [];
  }

  /** @param {string} label empty: any */
  #setLabel(label) {
    const { results } = this;
    byId("filter-label").value = label;
    if (!results || !label) return this.filters.set("label", null);
    const wanted = results.labels.indexOf(label);
    const test = (/** @type {number} */ row) => results.status[row] === DONE && results.has(row, wanted);
    this.filters.set("label", { words: `label: ${label}`, test, removed: () => this.#setLabel("") });
  }

  /** @param {{from: number, to: number, words: string} | null} band */
  #setBand(band) {
    const { results } = this;
    if (!results || !band) return this.filters.set("band", null);
    const test = (/** @type {number} */ row) => results.status[row] === DONE && results.bin[row] >= band.from && results.bin[row] < band.to;
    this.filters.set("band", { words: band.words, test, removed: () => this.spectrum.reset() });
  }

  /** @param {string} wanted in any column, in any case */
  #setSearch(wanted) {
    const { dataset } = this;
    const folded = wanted.trim().toLowerCase();
    byId("search").value = wanted;
    if (!dataset || !folded) return this.filters.set("search", null);
    const columns = dataset.columns.map((_, index) => index);
    const test = remembered(dataset.count, (row) => columns.some((column) => dataset.cell(row, column)?.toLowerCase().includes(folded)));
    this.filters.set("search", { words: `“${wanted.trim()}”`, test, removed: () => (byId("search").value = "") });
  }

  /** @param {HTMLElement} header */
  #sortBy({ dataset: { sort, column = "-1" } }) {
    const [by, own] = [/** @type {SortKey} */ (sort), Number(column)];
    this.#setOrder({ by, column: own, descending: this.order.by === by && this.order.column === own && !this.order.descending });
    this.redraw();
  }

  /** @param {{by: SortKey, column: number, descending: boolean}} order */
  #setOrder(order) {
    this.order = order;
    for (const header of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("th[data-sort]"))) {
      const isIt = header.dataset.sort === order.by && Number(header.dataset.column ?? -1) === order.column;
      header.setAttribute("aria-sort", isIt ? (order.descending ? "descending" : "ascending") : "none");
    }
  }

  /** @param {import("./results.js").Results} results */
  #drawLabels(results) {
    const named = results.head.kind !== "number";
    for (const id of ["label-chart", "label-filter"]) byId(id).hidden = !named;
    byId("label-header").textContent = named ? "Label" : "Remarks";
    const chosen = byId("filter-label").value;
    const bars = results.labels.map((name, index) => {
      const share = results.done ? results.byLabel[index] / results.done : 0;
      const value = `${grouped(results.byLabel[index])} · ${percent(share)}`;
      return { name, share, value, tone: toneOf(name, index), pressed: name === chosen };
    });
    drawBars(byId("label-counts"), bars, (name) => this.#setLabel(byId("filter-label").value === name ? "" : name));
    const select = byId("filter-label");
    if (select.options.length === results.labels.length + 1) return;
    select.replaceChildren(new Option("All", ""), ...results.labels.map((label) => new Option(label, label)));
    select.value = chosen;
  }

  /** @param {number} row */
  #cells(row) {
    const { dataset, results } = this;
    const own = this.#ownColumns().map((column) => (dataset?.cell(row, column) ?? "").slice(0, CELL_CHARS));
    const shown = { number: grouped(row + 1), text: dataset?.excerpt(row) ?? "", label: "…", tone: "none", score: "", share: 0, title: "waiting", own };
    if (results?.status[row] === FAILED) {
      const title = results.reasons.get(row) ?? "";
      return { ...shown, label: "no answer", tone: "failed", title };
    }
    if (results?.status[row] !== DONE) return shown;
    const score = results.score[row];
    const labels = results.labelsOf(row);
    const [best = 0] = results.answers[results.answer[row]];
    const remarks = remarksOn(results, row);
    const title = remarks.map(({ title: why }) => why).join("; ");
    const label = [labels.join(", "), ...remarks.map(({ word }) => `(${word})`)].join(" ").trim();
    const told = results.head.kind === "number" ? decimal(score) : percent(score);
    return { ...shown, label, tone: toneOf(labels[0] ?? "", best), score: told, share: shareOf(results.head, score), title };
  }
}

/**
 * What should be known of an answer besides its label.
 * @param {import("./results.js").Results} results
 * @param {number} row
 */
function remarksOn(results, row) {
  const remarks = [];
  if (results.truncated[row]) remarks.push({ word: "cut", title: "only the start of this text was read" });
  if (results.unfamiliar[row]) remarks.push({ word: "unfamiliar", title: "little of this text was understood" });
  if (results.isUnclear(results.score[row])) remarks.push({ word: "unclear", title: "no clear sentiment" });
  return remarks;
}
