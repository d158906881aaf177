/** A run over a file: started, paused, gone on with; what it finds, and whether that was downloaded. */

import { announce, byId, oncePerFrame } from "../shared/dom.js";
import { headOf } from "../shared/head.js";
import { download } from "./download.js";
import { drawFailures } from "./failures.js";
import { Job } from "./job.js";
import { drawProgress } from "./progress.js";
import { BLANK, PLACEHOLDER } from "./reading/rows.js";
import { Results } from "./results.js";
import { plural } from "../shared/words.js";

/** Until GET /model has answered. */
const CAUTIOUS = { labels: [], limits: { max_texts: 32, max_text_chars: 10_000, max_body_bytes: 500_000 } };
/** The rate is that of the last seconds. */
const RATE_WINDOW_MS = 5000;
/** Sorting many failed rows takes a while: not at every chunk. */
const FAILURES_REDRAW_MS = 500;
const FAILURES_REDRAW_MS_A_ROW = 0.01;
/** For the countdown. */
const TICK_MS = 1000;
/** A character is at most this many bytes of JSON, but for control characters. */
const BYTES_PER_CHAR = 3;

export class Run {
  /** @param {import("./review.js").Review} review */
  constructor(review) {
    this.review = review;
    /** @type {any} */
    this.model = CAUTIOUS;
    /** @type {import("./dataset.js").Dataset | null} */
    this.dataset = null;
    /** @type {Results | null} */
    this.results = null;
    /** @type {Job | null} */
    this.job = null;
    /** @type {{ms: number, done: number}[]} */
    this.history = [];
    this.announced = 0;
    /** Rows of the run that the service is not asked about, however often. */
    this.unsendable = 0;
    this.failuresDrawnMs = 0;
    /** Answers that no download holds. */
    this.unsaved = false;
    this.drawSoon = oncePerFrame(() => this.draw());
    this.draw();
  }

  /** @param {any} model what GET /model says */
  setModel(model) {
    this.model = model;
    if (this.results && !this.results.done) this.results.setHead(headOf(model));
  }

  get active() {
    return this.job?.state === "running" || this.job?.state === "paused";
  }

  get needsKey() {
    return this.job?.state === "paused" && this.job.waitingFor?.action === "key";
  }

  /** @param {import("./dataset.js").Dataset | null} dataset */
  setDataset(dataset) {
    this.job?.cancel();
    this.job = null;
    this.dataset = dataset;
    this.results = null;
    this.unsaved = false;
    this.review.show(dataset, null);
    byId("reading").open = true;
    this.draw();
  }

  /** Classify every row that has no answer yet. */
  async start() {
    if (!this.dataset || this.active) return;
    if (!this.results) {
      this.results = new Results(this.dataset.count, headOf(this.model));
      this.review.show(this.dataset, this.results);
    }
    const { results, dataset } = this;
    const job = new Job({
      rows: this.#sendable(results, dataset),
      textOf: (row) => dataset.text(row),
      chunkTexts: this.model.limits.max_texts,
      chunkChars: this.model.limits.max_body_bytes / BYTES_PER_CHAR,
      mostLabels: () => (results.head.kind === "many" ? undefined : 1),
      onAnswer: (row, ranked, remarks) => results.setDone(row, ranked, remarks),
      onFailure: (row, reason) => results.setFailed(row, reason),
      onChange: () => this.#changed(),
    });
    this.job = job;
    this.history = [];
    this.announced = 0;
    byId("reading").open = false;
    this.draw();
    byId("run-title").focus();
    const ticker = setInterval(() => this.draw(), TICK_MS);
    await job.run().finally(() => clearInterval(ticker));
    if (job === this.job) this.#finished();
  }

  togglePause() {
    if (this.job?.state === "paused") this.job.resume();
    else this.job?.pause();
    this.history = [];
    this.draw();
  }

  cancel() {
    this.job?.cancel();
    this.draw();
  }

  /**
   * @param {"csv" | "excel" | "jsonl"} format
   * @param {boolean} onlyShown
   */
  async download(format, onlyShown) {
    if (!this.dataset || !this.results) return;
    await download(format, this.dataset, this.results, onlyShown ? this.review.shown : undefined);
    if (!onlyShown && !this.active) this.unsaved = false;
  }

  /**
   * Open rows that the service would take; the others are named at once.
   * @param {Results} results
   * @param {import("./dataset.js").Dataset} dataset
   */
  #sendable(results, dataset) {
    const open = results.takeOpen();
    const sendable = open.filter((row) => {
      const reason = this.#refusal(dataset, row);
      if (reason) results.setFailed(row, reason);
      return !reason;
    });
    this.unsendable = open.length - sendable.length;
    return sendable;
  }

  /**
   * @param {import("./dataset.js").Dataset} dataset
   * @param {number} row
   */
  #refusal(dataset, row) {
    const reason = dataset.reason(row);
    if (reason === BLANK) return "Blank: nothing to read";
    if (reason === PLACEHOLDER) return `Placeholder: ${dataset.text(row).trim()}`;
    if (reason) return reason;
    const text = dataset.text(row);
    const { max_text_chars: limit } = this.model.limits;
    if (text.length > limit && Array.from(text).length > limit) return `Too long: the limit is ${plural(limit, "character")}`;
    return "";
  }

  #changed() {
    const done = this.results?.done ?? 0;
    const now = performance.now();
    this.unsaved = done > 0;
    this.history.push({ ms: now, done });
    while (now - this.history[0].ms > RATE_WINDOW_MS && this.history.length > 2) this.history.shift();
    this.review.redrawSoon();
    this.drawSoon();
    this.#announceQuarters();
  }

  #announceQuarters() {
    const { results } = this;
    const quarter = results ? Math.floor((4 * (results.count - results.left)) / results.count) : 0;
    if (quarter <= this.announced || quarter === 4) return;
    this.announced = quarter;
    announce(`${quarter * 25} percent done`);
  }

  #finished() {
    this.review.redraw();
    this.draw();
    announce(`${byId("run-title").textContent}. ${byId("headline").textContent}`);
  }

  draw() {
    const { job, results } = this;
    byId("run").hidden = !job || !results;
    byId("source").dataset.run = job?.state ?? "none";
    if (job && results) {
      drawProgress(job, results, this.history);
      this.#drawFailures(results);
    } else byId("run").dataset.state = "empty";
    this.#drawButtons();
  }

  #drawButtons() {
    const { job, results } = this;
    byId("start").hidden = this.active || results?.left === 0;
    byId("start").textContent = job && results?.left ? "Classify the rest" : "Classify";
    byId("pause").hidden = byId("cancel").hidden = !this.active;
    byId("pause").textContent = job?.state === "paused" ? "Go on" : "Pause";
    for (const id of ["download-csv", "download-excel", "download-jsonl", "only-shown"]) byId(id).disabled = !results?.done;
    const again = Boolean(!this.active && results && results.failed > this.unsendable);
    byId("run-action").hidden = !again && !this.needsKey;
    byId("run-action").textContent = this.needsKey ? "Enter a key" : "Try them again";
  }

  /** @param {Results} results */
  #drawFailures({ reasons }) {
    const now = performance.now();
    const pauseMs = Math.max(FAILURES_REDRAW_MS, reasons.size * FAILURES_REDRAW_MS_A_ROW);
    if (this.active && now - this.failuresDrawnMs < pauseMs) return;
    this.failuresDrawnMs = now;
    drawFailures(reasons);
  }
}
