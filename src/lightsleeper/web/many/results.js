/** The answers to the rows of a file, with the counts and the order that the page shows. */

import { APPLIES_FROM, NONE } from "../shared/head.js";
import { BINS, scaleOf } from "./scale.js";
import { isUnclear, toneOf } from "../shared/words.js";

const PENDING = 0;
export const DONE = 1;
export const FAILED = 2;

/** Values are told apart to this share of their range when they are sorted. */
const SORT_STEPS = 1e8;

/**
 * @typedef {(row: number) => boolean} Test whether a filter lets a row through
 * @typedef {{label?: string, score: number}} Scored
 * @typedef {import("../shared/head.js").Head} Head
 */

export class Results {
  /** @type {Head} */
  head;
  /** @type {string[]} the head's, then those that turned up in answers */
  labels;
  /** @type {import("./scale.js").Scale} */
  scale;
  /** @type {number[][]} the different answers: indices of labels, the best first */
  answers;
  /** @type {Map<string, number>} where in `answers` one is, by its indices */
  known;
  /** @type {number[]} rows by label */
  byLabel;
  /** @type {number[][]} rows by best label and by bin of the scale */
  bins;

  /**
   * @param {number} count rows
   * @param {Head} head the model's; labels that turn up later are added
   */
  constructor(count, head) {
    this.count = count;
    this.status = new Uint8Array(count);
    /** Which of `answers` each row has. */
    this.answer = new Uint32Array(count);
    this.score = new Float64Array(count);
    /** Where each row stands on the scale. */
    this.bin = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.unfamiliar = new Uint8Array(count);
    /** @type {Map<number, string>} why a row failed */
    this.reasons = new Map();
    this.done = 0;
    this.unclear = 0;
    this.scoreSum = 0;
    this.setHead(head);
  }

  /** @param {Head} head before there is an answer */
  setHead(head) {
    this.head = head;
    this.labels = head.kind === "many" ? [...head.labels, NONE] : [...head.labels];
    this.scale = scaleOf(head);
    this.answers = this.labels.map((_, index) => [index]);
    if (head.kind === "number") this.answers.push([]);
    this.known = new Map(this.answers.map((answer, index) => [answer.join(), index]));
    this.byLabel = this.labels.map(() => 0);
    this.bins = this.answers.map(() => Array(BINS).fill(0));
  }

  /** The label that a summary is about: what is negative where that has an opposite, else the most frequent. */
  get watched() {
    if (this.scale.diverging) return this.labels.findIndex((label, index) => toneOf(label, index) === "negative");
    const counted = this.byLabel.slice(0, this.labels.at(-1) === NONE ? -1 : undefined);
    return Math.max(0, counted.indexOf(Math.max(...counted)));
  }

  /** What a summary calls it. */
  get watchedName() {
    return this.scale.diverging ? "negative" : (this.labels[this.watched] ?? "");
  }

  /** @param {number} row */
  labelsOf(row) {
    return this.answers[this.answer[row]].map((label) => this.labels[label]);
  }

  /**
   * @param {number} row
   * @param {number} label
   */
  has(row, label) {
    return this.answers[this.answer[row]].includes(label);
  }

  /** @param {number} score of the best label */
  isUnclear(score) {
    return this.head.kind === "one" && isUnclear(this.labels, score);
  }

  get failed() {
    return this.reasons.size;
  }

  get left() {
    return this.count - this.done - this.failed;
  }

  /**
   * @param {number} row
   * @param {Scored[]} ranked the best label first; of a number its score alone
   * @param {{truncated: boolean, unfamiliar: boolean}} remarks
   */
  setDone(row, ranked, { truncated, unfamiliar }) {
    if (this.status[row] === DONE) return;
    const [{ score }] = ranked;
    const answer = this.#answerOf(ranked);
    const labels = this.answers[answer];
    const best = labels[0] ?? 0;
    this.reasons.delete(row);
    this.status[row] = DONE;
    this.answer[row] = answer;
    this.score[row] = score;
    this.bin[row] = this.scale.binOf(best, score);
    this.truncated[row] = Number(truncated);
    this.unfamiliar[row] = Number(unfamiliar);
    this.done += 1;
    this.scoreSum += score;
    this.unclear += Number(this.isUnclear(score));
    for (const label of labels) this.byLabel[label] += 1;
    this.bins[best][this.bin[row]] += 1;
  }

  /**
   * @param {number} row
   * @param {string} reason
   */
  setFailed(row, reason) {
    this.status[row] = FAILED;
    this.reasons.set(row, reason);
  }

  /** Rows without an answer, in order: what a run has to do. Forgets why rows failed. */
  takeOpen() {
    this.reasons.clear();
    const open = [];
    for (let row = 0; row < this.count; row += 1) {
      if (this.status[row] === DONE) continue;
      this.status[row] = PENDING;
      open.push(row);
    }
    return open;
  }

  /**
   * The rows that every test lets through.
   * @param {Test[]} tests
   * @param {{by: "row" | "label" | "score" | "own", descending: boolean}} order
   * @param {import("./ranks.js").Ranks | null} [own] where a column of the file puts the rows
   * @returns {Uint32Array}
   */
  view(tests, { by, descending }, own = null) {
    const rows = new Uint32Array(this.count);
    let shown = 0;
    for (let row = 0; row < this.count; row += 1) {
      if (!tests.every((test) => test(row))) continue;
      rows[shown] = row;
      shown += 1;
    }
    const found = rows.subarray(0, shown);
    if (own) return this.#sorted(found, own.ranks, descending, (row) => own.ranks[row] !== own.last);
    if (by === "row") return descending ? found.reverse() : found;
    return this.#sorted(found, by === "label" ? this.answer : this.score, descending, (row) => this.status[row] === DONE);
  }

  /**
   * Rows without a value come last. Sorting numbers that hold key and row needs no comparison function and takes
   * 10 ms for 100,000 rows; with one it takes 80.
   * @param {Uint32Array} rows
   * @param {Uint32Array | Float64Array} values
   * @param {boolean} descending
   * @param {Test} hasValue
   */
  #sorted(rows, values, descending, hasValue) {
    const [least, steps] = stepsOf(rows.filter(hasValue), values);
    const packed = Float64Array.from(rows, (row) => {
      const value = Math.round((values[row] - least) * steps);
      const key = !hasValue(row) ? 2 * SORT_STEPS : descending ? SORT_STEPS - value : value;
      return key * this.count + row;
    });
    return Uint32Array.from(packed.sort(), (number) => number % this.count);
  }

  /** @param {Scored[]} ranked */
  #answerOf(ranked) {
    if (this.head.kind === "number") return 0;
    const applying = this.head.kind === "many" ? ranked.filter(({ score }) => score >= APPLIES_FROM) : ranked.slice(0, 1);
    const labels = applying.length ? applying.map(({ label }) => this.#indexOf(label ?? "score")) : [this.#indexOf(NONE)];
    const key = labels.join();
    const known = this.known.get(key);
    if (known !== undefined) return known;
    this.known.set(key, this.answers.length);
    return this.answers.push(labels) - 1;
  }

  /** @param {string} label */
  #indexOf(label) {
    const known = this.labels.indexOf(label);
    if (known !== -1) return known;
    this.byLabel.push(0);
    this.bins.push(Array(BINS).fill(0));
    const index = this.labels.push(label) - 1;
    this.scale = scaleOf({ ...this.head, labels: this.labels });
    return index;
  }
}

/**
 * The least value, and the steps that make one of all values.
 * @param {Uint32Array} rows
 * @param {Uint32Array | Float64Array} values
 * @returns {[number, number]}
 */
function stepsOf(rows, values) {
  let [least, largest] = [Infinity, -Infinity];
  for (const row of rows) {
    least = Math.min(least, values[row]);
    largest = Math.max(largest, values[row]);
  }
  return [least, SORT_STEPS / (largest - least || 1)];
}
