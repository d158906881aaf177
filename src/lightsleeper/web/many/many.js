/** Many texts: a run over a file, with its progress, its pauses, and the rows that got no answer. */

import { announce, byId, el, oncePerFrame } from "../shared/dom.js";
import { Job } from "./job.js";
import { openKeyDialog } from "../shared/key.js";
import { Results } from "./results.js";
import { BLANK, PLACEHOLDER } from "./reading/rows.js";
import { Review } from "./review.js";
import { mountSource } from "./source.js";
import { duration, grouped, plural } from "../shared/words.js";

/** Until GET /model has answered. */
const CAUTIOUS = { labels: [], limits: { max_texts: 32, max_text_chars: 10_000, max_body_bytes: 500_000 } };
/** The rate is that of the last seconds. */
const RATE_WINDOW_MS = 5000;
const MOST_FAILURES_SHOWN = 50;
/** Sorting many failed rows takes a while: not at every chunk. */
const FAILURES_REDRAW_MS = 500;
/** A character is at most this many bytes of JSON, but for control characters. */
const BYTES_PER_CHAR = 3;

/** @param {{openText: (text: string) => void}} page */
export function mountMany({ openText }) {
  const run = new Run(new Review(openText));
  mountSource((dataset) => run.setDataset(dataset));
  byId("start").addEventListener("click", () => run.start());
  byId("pause").addEventListener("click", () => run.togglePause());
  byId("cancel").addEventListener("click", () => run.cancel());
  byId("run-action").addEventListener("click", () => (run.needsKey ? openKeyDialog() : run.start()));
  addEventListener("beforeunload", (event) => {
    if (run.active) event.preventDefault();
  });
  return {
    /** @param {any} model */
    setModel: (model) => {
      run.model = model;
      run.review.setLabels(model.labels);
    },
    goOn: () => run.needsKey && run.job?.resume(),
  };
}

class Run {
  /** @param {Review} review */
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
    this.failuresDrawnMs = 0;
    this.drawSoon = oncePerFrame(() => this.draw());
    this.draw();
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
    this.review.show(dataset, null);
    this.draw();
  }

  /** Classify every row that has no answer yet. */
  async start() {
    if (!this.dataset || this.active) return;
    if (!this.results) {
      this.results = new Results(this.dataset.count, this.model.labels);
      this.review.show(this.dataset, this.results);
    }
    const { results, dataset } = this;
    const job = new Job({
      rows: this.#sendable(results, dataset),
      textOf: (row) => dataset.text(row),
      chunkTexts: this.model.limits.max_texts,
      chunkChars: this.model.limits.max_body_bytes / BYTES_PER_CHAR,
      onAnswer: (row, best, remarks) => results.setDone(row, best, remarks),
      onFailure: (row, reason) => results.setFailed(row, reason),
      onChange: () => this.#changed(),
    });
    this.job = job;
    this.history = [];
    this.announced = 0;
    this.draw();
    await job.run();
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
   * Open rows that the service would take; the others are named at once.
   * @param {Results} results
   * @param {import("./dataset.js").Dataset} dataset
   */
  #sendable(results, dataset) {
    return results.takeOpen().filter((row) => {
      const reason = this.#refusal(dataset, row);
      if (reason) results.setFailed(row, reason);
      return !reason;
    });
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
    announce(byId("run-title").textContent);
  }

  draw() {
    const { job, results } = this;
    byId("run").dataset.state = job?.state ?? "empty";
    byId("progress").value = results ? (results.count - results.left) / results.count : 0;
    byId("run-title").textContent = this.#title();
    byId("run-rate").textContent = this.active ? this.#rate() : "";
    byId("run-note").textContent = this.#note();
    this.#drawButtons();
    this.#drawFailures();
  }

  #title() {
    const { job, results } = this;
    if (!job || !results) return this.dataset ? `Ready to classify ${plural(this.dataset.count, "row")}` : "Nothing to do yet";
    const done = `${grouped(results.done)} of ${plural(results.count, "row")}`;
    if (job.state === "done") return results.failed ? `Done, with ${plural(results.failed, "row")} left out` : `Done: ${done}`;
    return { running: done, paused: `Paused at ${done}`, cancelled: `Stopped at ${done}` }[job.state];
  }

  #rate() {
    const first = this.history[0];
    const last = this.history.at(-1);
    if (!first || !last || last.ms - first.ms < 300 || last.done === first.done) return "";
    const perSecond = ((last.done - first.done) * 1000) / (last.ms - first.ms);
    const left = duration((this.results?.left ?? 0) / perSecond);
    return `${grouped(Math.round(perSecond))} rows/s · ${left} left`;
  }

  #note() {
    const { job } = this;
    if (!job) return "Results appear below while they come in.";
    if (job.waitingFor) return `${job.waitingFor.title}. ${job.waitingFor.advice}`;
    if (job.state === "cancelled") return "What came in is kept. Classify goes on with the rest.";
    const restarts = job.instances.size - 1;
    if (restarts > 0) return "The service was restarted meanwhile; nothing is lost.";
    if (job.state === "done") return `${this.#doubts()}Download the rows below, with all the columns they came with.`;
    return "Results appear below while they come in.";
  }

  /** Of how many rows the model understood little. */
  #doubts() {
    const count = this.results?.unfamiliar.reduce((sum, one) => sum + one, 0) ?? 0;
    return count ? `Little was understood of ${plural(count, "row")}. ` : "";
  }

  #drawButtons() {
    const { job, results } = this;
    byId("start").hidden = this.active;
    byId("start").disabled = !this.dataset || (results?.left === 0 && results.failed === 0);
    byId("start").textContent = job && results?.left ? "Classify the rest" : "Classify";
    byId("pause").hidden = byId("cancel").hidden = !this.active;
    byId("pause").textContent = job?.state === "paused" ? "Go on" : "Pause";
    byId("change").disabled = this.active;
    byId("column").disabled = this.active || (this.dataset?.width ?? 1) === 1;
    byId("header").disabled = this.active || !this.dataset?.canHaveHeader;
    const again = Boolean(!this.active && results?.failed);
    byId("run-action").hidden = !again && !this.needsKey;
    byId("run-action").textContent = this.needsKey ? "Enter a key" : "Try them again";
  }

  #drawFailures() {
    const now = performance.now();
    if (this.active && now - this.failuresDrawnMs < FAILURES_REDRAW_MS) return;
    this.failuresDrawnMs = now;
    const reasons = this.results?.reasons ?? new Map();
    byId("failures").dataset.rows = String(reasons.size);
    byId("failures-title").textContent = `${plural(reasons.size, "row")} without an answer`;
    const spans = spansOf(reasons);
    const items = spans.slice(0, MOST_FAILURES_SHOWN).map(({ from, to, reason }) => {
      return el("li", {}, `${from === to ? `Row ${grouped(from)}` : `Rows ${grouped(from)} to ${grouped(to)}`}: ${reason}`);
    });
    if (spans.length > MOST_FAILURES_SHOWN) items.push(el("li", {}, "… and more: the download names each."));
    byId("failure-list").replaceChildren(...items);
  }
}

/**
 * Neighbouring rows with one reason, counted from 1.
 * @param {Map<number, string>} reasons
 */
function spansOf(reasons) {
  /** @type {{from: number, to: number, reason: string}[]} */
  const spans = [];
  for (const [row, reason] of [...reasons].sort(([one], [other]) => one - other)) {
    const last = spans.at(-1);
    if (last && last.reason === reason && last.to === row) last.to = row + 1;
    else spans.push({ from: row + 1, to: row + 1, reason });
  }
  return spans;
}
