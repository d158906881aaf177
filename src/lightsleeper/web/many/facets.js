/** Rows, and the share of negative ones or their mean, by a column of the file: categories as bars, dates as columns; each filters. */

import { byId, el } from "../shared/dom.js";
import { groupable, groupsOf } from "./groups.js";
import { DONE } from "./results.js";
import { shareOf } from "../shared/head.js";
import { decimal, grouped, percent, plural, toneOf } from "../shared/words.js";

const MOST_SHOWN = 12;

/**
 * @typedef {import("./dataset.js").Dataset} Dataset
 * @typedef {import("./results.js").Results} Results
 * @typedef {{name: string, group: number, rows: number, watched: number}} Group `watched`: rows with that label, or of numbers the sum
 */

export class Facets {
  /** @type {Dataset | null} */
  #dataset = null;
  /** @type {Results | null} */
  #results = null;
  /** @type {import("./groups.js").Groups | null} */
  #groups = null;
  /** The group that the table is narrowed to. */
  #picked = -1;

  /** @param {(facet: {words: string, test: import("./results.js").Test} | null) => void} onPick */
  constructor(onPick) {
    this.onPick = onPick;
    byId("facet").addEventListener("change", () => this.#choose(Number(byId("facet").value)));
  }

  /**
   * @param {Dataset} dataset
   * @param {Results} results
   */
  show(dataset, results) {
    [this.#dataset, this.#results] = [dataset, results];
    const columns = groupable(dataset);
    byId("facets").hidden = !columns.length;
    byId("facet").replaceChildren(...columns.map((index) => new Option(dataset.columns[index], String(index))));
    if (columns.length) this.#choose(columns[0]);
  }

  /** No group is picked any more; whoever calls knows. */
  reset() {
    this.#picked = -1;
    this.draw();
  }

  /** @param {number} column */
  #choose(column) {
    if (!this.#dataset) return;
    if (this.#picked !== -1) this.onPick(null);
    this.#picked = -1;
    this.#groups = groupsOf(this.#dataset, column);
    this.draw();
  }

  draw() {
    const [results, groups] = [this.#results, this.#groups];
    if (!results || !groups || byId("facets").hidden) return;
    const { watched } = results;
    const counted = count(results, groups, watched).filter(({ rows }) => rows);
    if (!groups.isTime) counted.sort((one, other) => other.rows - one.rows);
    const shown = groups.isTime ? counted : counted.slice(0, MOST_SHOWN);
    const list = byId("facet-groups");
    list.dataset.kind = groups.isTime ? "time" : "category";
    list.dataset.tone = toneOf(results.labels[watched] ?? "", watched);
    const highest = Math.max(1, ...shown.map(({ rows }) => rows));
    fillList(list, shown, (group) => this.#pick(group));
    shown.forEach((group, index) => drawGroup(list.children[index], group, highest, this.#picked, results));
    byId("facet-note").textContent = this.#noteOf(counted, shown, groups.note, results);
  }

  /**
   * @param {Group[]} counted
   * @param {Group[]} shown
   * @param {string} note
   * @param {Results} results
   */
  #noteOf(counted, shown, note, { head, watchedName }) {
    const facts = [head.kind === "number" ? "Coloured: the mean score." : `Coloured: the share that is ${watchedName}.`];
    if (counted.length > shown.length) facts.push(`${plural(counted.length - shown.length, "smaller group")} not shown.`);
    if (note) facts.push(`Dates ${note}.`);
    return facts.join(" ");
  }

  /** @param {number} group */
  #pick(group) {
    const [dataset, groups] = [this.#dataset, this.#groups];
    if (!dataset || !groups) return;
    this.#picked = this.#picked === group ? -1 : group;
    this.draw();
    if (this.#picked === -1) return this.onPick(null);
    const column = dataset.columns[Number(byId("facet").value)];
    this.onPick({ words: `${column}: ${groups.keys[group]}`, test: (row) => groups.groupOf[row] === group });
  }
}

/**
 * @param {Results} results
 * @param {import("./groups.js").Groups} groups
 * @param {number} watched the label whose share is shown
 * @returns {Group[]}
 */
function count(results, { keys, groupOf }, watched) {
  const counted = keys.map((name, group) => ({ name, group, rows: 0, watched: 0 }));
  for (let row = 0; row < results.count; row += 1) {
    const group = counted[groupOf[row]];
    if (!group || results.status[row] !== DONE) continue;
    group.rows += 1;
    group.watched += results.head.kind === "number" ? results.score[row] : Number(results.has(row, watched));
  }
  return counted;
}

/**
 * As many buttons as groups, kept where they are so that the one with the focus keeps it.
 * @param {HTMLElement} list
 * @param {Group[]} shown
 * @param {(group: number) => void} pick
 */
function fillList(list, shown, pick) {
  while (list.children.length > shown.length) list.lastElementChild?.remove();
  while (list.children.length < shown.length) {
    const track = el("span", { class: "share", "aria-hidden": "true" }, el("span", { class: "watched" }));
    const button = el("button", { type: "button" }, el("span", { class: "name" }), el("span", { class: "track" }, track), el("span", { class: "value numbers" }));
    button.addEventListener("click", () => pick(Number(button.dataset.group)));
    list.append(el("li", {}, button));
  }
}

/**
 * @param {Element} item
 * @param {Group} group
 * @param {number} highest
 * @param {number} picked
 * @param {Results} results
 */
function drawGroup(item, { name, group, rows, watched }, highest, picked, { head, watchedName }) {
  const button = /** @type {HTMLElement} */ (item.firstElementChild);
  const [nameElement, track, value] = /** @type {any} */ (button.children);
  const mean = watched / rows;
  const told = head.kind === "number" ? decimal(mean) : percent(mean);
  button.dataset.group = String(group);
  button.setAttribute("aria-pressed", String(group === picked));
  button.title = `${name}: ${plural(rows, "row")}, ${head.kind === "number" ? "mean " : ""}${told} ${watchedName}`.trimEnd();
  nameElement.textContent = name;
  value.textContent = `${grouped(rows)} · ${told}`;
  track.style.setProperty("--rows", String(rows / highest));
  track.style.setProperty("--watched", String(shareOf(head, mean)));
}
