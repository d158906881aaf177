/** The results on the page: charts, filters, sorting, the table, downloads. */

import { drawBars } from "../shared/bars.js";
import { byId } from "../shared/dom.js";
import { download } from "./download.js";
import { Grid } from "./grid.js";
import { drawHistogram } from "./histogram.js";
import { DONE, FAILED, Results } from "./results.js";
import { grouped, isUnclear, percent, plural, toneOf } from "../shared/words.js";

/** Often enough to look alive, seldom enough that counting 100,000 rows costs nothing. */
const REDRAW_MS = 300;

/** @typedef {"row" | "label" | "score"} SortKey */

export class Review {
  /** @param {(text: string) => void} openText */
  constructor(openText) {
    /** @type {import("./dataset.js").Dataset | null} */
    this.dataset = null;
    /** @type {Results | null} */
    this.results = null;
    /** @type {string[]} the model's, to show before there are results */
    this.labels = [];
    /** @type {{by: SortKey, descending: boolean}} */
    this.order = { by: "row", descending: false };
    this.grid = new Grid(byId("grid"), byId("table"), {
      show: (row) => this.#cells(row),
      open: (row) => openText(this.dataset?.text(row) ?? ""),
    });
    this.redrawTimer = 0;
    this.#mount();
  }

  /**
   * @param {import("./dataset.js").Dataset | null} dataset
   * @param {Results | null} results
   */
  show(dataset, results) {
    this.dataset = dataset;
    this.results = results;
    byId("filter-label").value = "";
    byId("filter-score").value = "1";
    byId("grid").scrollTop = 0;
    this.redraw();
  }

  /** @param {string[]} labels */
  setLabels(labels) {
    this.labels = labels;
    this.redraw();
  }

  /** Soon, together with whatever else changes until then. */
  redrawSoon() {
    this.redrawTimer ||= window.setTimeout(() => this.redraw(), REDRAW_MS);
  }

  redraw() {
    clearTimeout(this.redrawTimer);
    this.redrawTimer = 0;
    byId("grid-empty").hidden = this.results !== null;
    byId("download-csv").disabled = byId("download-jsonl").disabled = !this.results?.done;
    this.#drawCharts();
    this.#drawTable();
  }

  #mount() {
    byId("filter-label").addEventListener("change", () => this.redraw());
    byId("filter-score").addEventListener("change", () => this.redraw());
    for (const header of document.querySelectorAll("th[data-sort]")) {
      header.querySelector("button")?.addEventListener("click", () => this.#sortBy(header));
    }
    for (const format of /** @type {("csv" | "jsonl")[]} */ (["csv", "jsonl"])) {
      byId(`download-${format}`).addEventListener("click", () => {
        if (this.dataset && this.results) download(format, this.dataset, this.results);
      });
    }
  }

  /** @param {Element} header */
  #sortBy(header) {
    const by = /** @type {SortKey} */ (/** @type {HTMLElement} */ (header).dataset.sort);
    this.order = { by, descending: this.order.by === by && !this.order.descending };
    for (const other of document.querySelectorAll("th[data-sort]")) {
      const direction = this.order.descending ? "descending" : "ascending";
      other.setAttribute("aria-sort", other === header ? direction : "none");
    }
    this.redraw();
  }

  #drawCharts() {
    const results = this.results ?? new Results(0, this.labels);
    const bars = results.labels.map((name, index) => {
      const share = results.done ? results.byLabel[index] / results.done : 0;
      const value = `${grouped(results.byLabel[index])} · ${percent(share)}`;
      return { name, share, value, tone: toneOf(name, index) };
    });
    drawBars(byId("label-counts"), bars);
    byId("histogram-start").textContent = percent(drawHistogram(byId("histogram"), results));
    this.#drawLabelChoice(results.labels);
  }

  /** @param {string[]} labels */
  #drawLabelChoice(labels) {
    const select = byId("filter-label");
    if (select.options.length === labels.length + 1) return;
    const chosen = select.value;
    select.replaceChildren(new Option("All", ""), ...labels.map((label) => new Option(label, label)));
    select.value = chosen;
  }

  #drawTable() {
    const { results } = this;
    if (!results) {
      byId("shown").textContent = "";
      return this.grid.setRows(new Uint32Array());
    }
    const label = byId("filter-label").value;
    const below = Number(byId("filter-score").value);
    const rows = results.view({ label, below, ...this.order });
    byId("shown").textContent =
      rows.length === results.count ? plural(rows.length, "row") : `${grouped(rows.length)} of ${plural(results.count, "row")}`;
    this.grid.setRows(rows);
  }

  /** @param {number} row */
  #cells(row) {
    const { dataset, results } = this;
    const text = dataset?.excerpt(row) ?? "";
    const shown = { number: grouped(row + 1), text, label: "…", tone: "none", score: "", share: 0, title: "waiting" };
    if (results?.status[row] === FAILED) {
      const title = results.reasons.get(row) ?? "";
      return { ...shown, label: "no answer", tone: "failed", title };
    }
    if (results?.status[row] !== DONE) return shown;
    const index = results.label[row];
    const share = results.score[row];
    const label = results.labels[index];
    const remarks = remarksOn(results, row);
    const title = remarks.map(({ title: why }) => why).join("; ");
    return { ...shown, label: [label, ...remarks.map(({ word }) => `(${word})`)].join(" "), tone: toneOf(label, index), score: percent(share), share, title };
  }
}

/**
 * What should be known of an answer besides its label.
 * @param {Results} results
 * @param {number} row
 */
function remarksOn(results, row) {
  const remarks = [];
  if (results.truncated[row]) remarks.push({ word: "cut", title: "only the start of this text was read" });
  if (results.unfamiliar[row]) remarks.push({ word: "unfamiliar", title: "little of this text was understood" });
  if (isUnclear(results.labels, results.score[row])) remarks.push({ word: "unclear", title: "no clear sentiment" });
  return remarks;
}
