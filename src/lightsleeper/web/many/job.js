/** Classifies many rows: chunks, a few at a time, patiently; every row ends answered or named. Knows no page. */

import { delayMs, online, wait } from "../shared/patience.js";
import { problemOf } from "../shared/problems.js";
import { predict, ServiceError } from "../shared/service.js";

const CONCURRENCY = 4;
const TRIES = 3;
/** Tries against a service that is busy: together about two minutes. One that is away is waited for, however long. */
const PATIENT_TRIES = 12;

/**
 * @typedef {object} Work
 * @property {number[]} rows
 * @property {(row: number) => string} textOf
 * @property {number} chunkTexts texts of one request
 * @property {number} chunkChars characters of one request, about
 * @property {() => number | undefined} mostLabels of an answer that are of use
 * @property {(row: number, ranked: import("./results.js").Scored[], remarks: {truncated: boolean, unfamiliar: boolean}) => void} onAnswer
 * @property {(row: number, reason: string) => void} onFailure
 * @property {() => void} onChange state or notice changed, or answers came
 */

export class Job {
  #work;
  #next = 0;
  #abort = new AbortController();
  #resumed = Promise.resolve();
  #resume = () => {};
  #notBefore = 0;

  /** @param {Work} work */
  constructor(work) {
    this.#work = work;
    /** @type {"running" | "paused" | "cancelled" | "done"} */
    this.state = "running";
    /** @type {import("../shared/problems.js").Problem | null} why it waits */
    this.waitingFor = null;
    /** @type {Set<string>} the processes that answered */
    this.instances = new Set();
  }

  /** Seconds until the service is asked again; 0 if it is being asked. */
  get retryInS() {
    return this.state === "running" ? Math.max(0, Math.ceil((this.#notBefore - performance.now()) / 1000)) : 0;
  }

  /** Resolves when every row is answered or named, or the job was cancelled. */
  async run() {
    await Promise.all(Array.from({ length: CONCURRENCY }, () => this.#takeChunks()));
    if (this.state !== "cancelled") this.state = "done";
    this.waitingFor = null;
    this.#work.onChange();
  }

  /** @param {import("../shared/problems.js").Problem | null} [why] */
  pause(why = null) {
    if (this.state !== "running") return;
    this.state = "paused";
    this.waitingFor = why;
    this.#resumed = new Promise((resolve) => (this.#resume = () => resolve(undefined)));
    this.#work.onChange();
  }

  resume() {
    if (this.state !== "paused") return;
    this.state = "running";
    this.waitingFor = null;
    this.#resume();
    this.#work.onChange();
  }

  /** Stop; answers on their way are dropped, rows without one stay open. */
  cancel() {
    this.resume();
    this.state = "cancelled";
    this.#abort.abort();
  }

  async #takeChunks() {
    try {
      for (;;) {
        await this.#turn();
        const chunk = this.#nextChunk();
        if (!chunk.length) return;
        await this.#finish(chunk);
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) throw error;
    }
  }

  /** Resolves when the job is neither paused nor backing off. */
  async #turn() {
    this.#abort.signal.throwIfAborted();
    while (this.state === "paused") await this.#resumed;
    const ms = this.#notBefore - performance.now();
    if (ms > 0) {
      await wait(ms, this.#abort.signal);
      await this.#turn();
    }
  }

  #nextChunk() {
    const { rows, textOf, chunkTexts, chunkChars } = this.#work;
    const chunk = [];
    let chars = 0;
    while (this.#next < rows.length && chunk.length < chunkTexts) {
      const row = rows[this.#next];
      chars += textOf(row).length;
      if (chunk.length && chars > chunkChars) break;
      chunk.push(row);
      this.#next += 1;
    }
    return chunk;
  }

  /**
   * Until every row of the chunk is answered or named.
   * @param {number[]} chunk
   */
  async #finish(chunk) {
    let rows = chunk;
    for (let tries = 1; rows.length; tries += 1) {
      await this.#turn();
      try {
        return this.#deliver(rows, await this.#ask(rows));
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        rows = await this.#remedy(error, rows, tries);
      }
    }
  }

  /**
   * Do what the failure calls for; the rows to ask for again.
   * @param {ServiceError} error
   * @param {number[]} rows
   * @param {number} tries
   * @returns {Promise<number[]>}
   */
  async #remedy(error, rows, tries) {
    const culprit = error.status === 422 ? rowAt(error.field) : undefined;
    if (error.status === 0 && !navigator.onLine) return this.#pauseOffline(error, rows);
    // A rate limit says itself when to come back, however often: that is no failed try. Nor is one that met nobody.
    const patient = tries < PATIENT_TRIES || error.status === 429 || error.status === 0;
    if (error.passes && patient) return this.#backOff(error, rows, tries);
    if (error.status === 401 || error.status === 403) {
      this.pause(problemOf(error));
      return rows;
    }
    if (culprit !== undefined && culprit < rows.length) {
      this.#fail([rows[culprit]], error);
      return rows.filter((_, index) => index !== culprit);
    }
    if (rows.length > 1 && mayBeTooMuch(error)) return this.#halve(rows);
    if (error.status >= 500 && tries < TRIES) return this.#backOff(error, rows, tries);
    this.#fail(rows, error);
    return [];
  }

  /** @param {number[]} rows */
  #ask(rows) {
    const text = rows.map((row) => this.#work.textOf(row));
    return predict({ text, top_k: this.#work.mostLabels() }, { signal: this.#abort.signal });
  }

  /**
   * @param {number[]} rows
   * @param {import("../shared/service.js").Answer} answer
   */
  #deliver(rows, { content, instance }) {
    const truncated = new Set(content.truncated ?? []);
    const unfamiliar = new Set(content.unfamiliar ?? []);
    rows.forEach((row, index) => {
      const remarks = { truncated: truncated.has(index), unfamiliar: unfamiliar.has(index) };
      this.#work.onAnswer(row, content.predictions[index], remarks);
    });
    if (instance) this.instances.add(instance);
    if (performance.now() >= this.#notBefore) this.waitingFor = null;
    this.#work.onChange();
  }

  /**
   * All chunks wait, since all of them ask the same service.
   * @param {ServiceError} error
   * @param {number[]} rows
   * @param {number} tries
   */
  #backOff(error, rows, tries) {
    const ms = delayMs(tries, error.retryAfterS);
    this.waitingFor = problemOf(error);
    this.#notBefore = Math.max(this.#notBefore, performance.now() + ms);
    this.#work.onChange();
    return rows;
  }

  /**
   * Until the network is back, however long that takes.
   * @param {ServiceError} error
   * @param {number[]} rows
   */
  #pauseOffline(error, rows) {
    if (this.state === "running") {
      this.pause(problemOf(error));
      const paused = this.#resumed;
      online(this.#abort.signal).then(() => paused === this.#resumed && this.resume(), () => {});
    }
    return rows;
  }

  /** @param {number[]} rows */
  async #halve(rows) {
    const middle = Math.ceil(rows.length / 2);
    await this.#finish(rows.slice(0, middle));
    await this.#finish(rows.slice(middle));
    return [];
  }

  /**
   * @param {number[]} rows
   * @param {ServiceError} error
   */
  #fail(rows, error) {
    const { title } = problemOf(error);
    const reason = error.message ? `${title} (${withoutIndex(error.message)})` : title;
    for (const row of rows) this.#work.onFailure(row, reason);
    this.#work.onChange();
  }
}

/** A smaller request may succeed where this one failed. */
const mayBeTooMuch = (/** @type {ServiceError} */ error) => [413, 500, 504].includes(error.status);

/**
 * `text[3]` → 3; nothing for any other field.
 * @param {string} [field]
 */
function rowAt(field) {
  const match = field?.match(/^text\[(\d+)\]$/);
  return match ? Number(match[1]) : undefined;
}

/**
 * The place in the request means nothing to people; the row is named beside it.
 * @param {string} message
 */
const withoutIndex = (message) => message.replace(/^text \d+ /, "the text ");
