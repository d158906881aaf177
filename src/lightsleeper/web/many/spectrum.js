/** The chart of how sure the answers are, and the band on it that narrows the table to a part. */

import { byId, el } from "../shared/dom.js";
import { BINS } from "./scale.js";
import { grouped, percent, plural, toneOf } from "../shared/words.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 100;
const GAP = 1.5;

/** @typedef {import("./results.js").Results} Results */

export class Spectrum {
  /** @type {Results | null} */
  #results = null;
  /** @type {number[]} rows by bin */
  #totals = Array(BINS).fill(0);
  /** The first bin of the band, and the one behind its last. */
  #from = 0;
  #to = BINS;
  /** @type {"from" | "to" | "both" | null} what is being dragged */
  #dragged = null;
  #grabbed = 0;

  /** @param {(band: {from: number, to: number, words: string} | null) => void} onBand null: all of it */
  constructor(onBand) {
    this.onBand = onBand;
    const chart = byId("spectrum");
    chart.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.#grab(event));
    chart.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.#move(event));
    chart.addEventListener("pointerup", () => (this.#dragged = null));
    chart.addEventListener("pointerleave", () => this.#note(-1));
    for (const end of /** @type {("from" | "to")[]} */ (["from", "to"])) {
      byId(`band-${end}`).addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#onKey(event, end));
      byId(`band-${end}`).setAttribute("aria-valuemax", String(BINS));
    }
  }

  /** @param {Results} results */
  draw(results) {
    this.#results = results;
    byId("spectrum-figure").hidden = !results.head.range;
    this.#totals = Array.from({ length: BINS }, (_, bin) => results.bins.reduce((sum, bins) => sum + bins[bin], 0));
    byId("spectrum-title").textContent = results.scale.title;
    byId("histogram").replaceChildren(...this.#bars(results));
    byId("histogram").setAttribute("aria-label", this.#summary());
    this.#drawZones();
    this.#drawBand();
  }

  /** Back to all rows; whoever calls knows. */
  reset() {
    [this.#from, this.#to] = [0, BINS];
    this.#drawBand();
    this.#drawZones();
  }

  /** @param {Results} results */
  #bars(results) {
    const highest = Math.max(1, ...this.#totals);
    const width = WIDTH / BINS;
    /** @type {SVGElement[]} */
    const bars = [];
    for (let bin = 0; bin < BINS; bin += 1) {
      const isUnclear = results.scale.zones.some(({ name, from, to }) => name === "unclear" && bin >= from && bin < to);
      let top = HEIGHT;
      results.bins.forEach((bins, index) => {
        const height = (bins[bin] / highest) * HEIGHT;
        top -= height;
        if (height) bars.push(rect(bin * width + GAP / 2, top, width - GAP, height, isUnclear ? "neutral" : toneOf(results.labels[index] ?? "", index)));
      });
    }
    return bars;
  }

  #summary() {
    const parts = this.#results?.scale.zones.map(({ name, from, to }) => `${grouped(this.#count(from, to))} ${name}`) ?? [];
    return this.#totals.some(Boolean) ? `Rows: ${parts.join(", ")}` : "No rows yet";
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #count(from, to) {
    return this.#totals.slice(from, to).reduce((sum, rows) => sum + rows, 0);
  }

  #drawZones() {
    const results = this.#results;
    const buttons = (results?.scale.zones ?? []).map(({ name, tone, from, to }) => {
      const count = this.#count(from, to);
      const share = results?.done ? percent(count / results.done) : "–";
      const pressed = String(this.#from === from && this.#to === to);
      const button = el("button", { type: "button", "data-tone": tone, "aria-pressed": pressed }, el("span", { class: "tag" }, name), el("span", { class: "numbers" }, `${grouped(count)} · ${share}`));
      button.addEventListener("click", () => (pressed === "true" ? this.#set(0, BINS) : this.#set(from, to)));
      return button;
    });
    const focused = [...byId("zones").children].indexOf(document.activeElement);
    byId("zones").replaceChildren(...buttons);
    if (focused !== -1) buttons[focused]?.focus();
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #set(from, to) {
    if (from === this.#from && to === this.#to) return;
    [this.#from, this.#to] = [from, to];
    this.#drawBand();
    this.#drawZones();
    const words = this.#results?.scale.words(from, to) ?? "";
    this.onBand(from === 0 && to === BINS ? null : { from, to, words });
  }

  #drawBand() {
    const [from, to] = [this.#from, this.#to];
    const band = byId("band");
    band.hidden = from === 0 && to === BINS;
    band.style.left = `${(from / BINS) * 100}%`;
    band.style.width = `${((to - from) / BINS) * 100}%`;
    for (const [end, bin] of /** @type {[string, number][]} */ ([["from", from], ["to", to]])) {
      const handle = byId(`band-${end}`);
      handle.style.left = `${(bin / BINS) * 100}%`;
      handle.setAttribute("aria-valuenow", String(bin));
      handle.setAttribute("aria-valuetext", this.#results?.scale.words(from, to) ?? "");
    }
    this.#note(-1);
  }

  /** @param {number} hovered bin; -1: none */
  #note(hovered) {
    const results = this.#results;
    if (!results) return;
    const [from, to] = hovered === -1 ? [this.#from, this.#to] : [hovered, hovered + 1];
    const whole = from === 0 && to === BINS;
    byId("spectrum-note").textContent = whole ? "Drag across the chart to see only a part of the rows." : `${plural(this.#count(from, to), "row")}, ${results.scale.words(from, to)}`;
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    const bin = this.#binAt(event);
    const handle = /** @type {HTMLElement} */ (event.target).id;
    const inside = bin >= this.#from && bin < this.#to && !byId("band").hidden;
    this.#grabbed = bin;
    if (handle === "band-from" || handle === "band-to") this.#dragged = handle === "band-from" ? "from" : "to";
    else if (inside) this.#dragged = "both";
    else {
      this.#dragged = "to";
      this.#set(bin, bin + 1);
    }
    byId("spectrum").setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const bin = this.#binAt(event);
    if (!this.#dragged) return this.#note(bin);
    if (this.#dragged === "both") {
      const step = Math.max(-this.#from, Math.min(BINS - this.#to, bin - this.#grabbed));
      this.#grabbed += step;
      return this.#set(this.#from + step, this.#to + step);
    }
    // A band may be drawn to the left as well as to the right.
    if (this.#dragged === "to" && bin < this.#from) this.#dragged = "from";
    else if (this.#dragged === "from" && bin >= this.#to) this.#dragged = "to";
    if (this.#dragged === "to") this.#set(this.#from, bin + 1);
    else this.#set(bin, this.#to);
  }

  /** @param {PointerEvent} event */
  #binAt(event) {
    const { left, width } = byId("spectrum").getBoundingClientRect();
    return Math.max(0, Math.min(BINS - 1, Math.floor(((event.clientX - left) / width) * BINS)));
  }

  /**
   * @param {KeyboardEvent} event
   * @param {"from" | "to"} end
   */
  #onKey(event, end) {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -BINS, End: BINS };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step) return;
    event.preventDefault();
    if (end === "from") this.#set(Math.max(0, Math.min(this.#to - 1, this.#from + step)), this.#to);
    else this.#set(this.#from, Math.max(this.#from + 1, Math.min(BINS, this.#to + step)));
  }
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {string} tone
 */
function rect(x, y, width, height, tone) {
  const element = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width, height })) element.setAttribute(name, value.toFixed(2));
  element.dataset.tone = tone;
  return element;
}
