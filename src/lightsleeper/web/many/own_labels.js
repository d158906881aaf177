/** "My file has labels": what its values mean, how often the model agrees, and where it does not. */

import { byId, el } from "../shared/dom.js";
import { hasWordOf } from "./reading/columns.js";
import { groupsOf, isCategory } from "./groups.js";
import { DONE } from "./results.js";
import { grouped, percent, plural } from "../shared/words.js";

/** More different values are no labels, and no list to go through. */
const MOST_VALUES = 50;
const LABEL_NAME = /label|sentiment|class|category|target|polarity|rating|stars|score/i;
/** As `bulk/records/label_meanings.py` has them; a test compares. */
const POSITIVE = ["positive", "pos", "+", "true", "yes", "good", "👍", "positiv", "positivo", "positif"];
const NEGATIVE = ["negative", "neg", "-", "false", "no", "bad", "👎", "negativ", "negativo", "négatif", "negatif"];
const OF_STARS = new Set(["rating", "ratings", "star", "stars"]);
/** `LABEL_1`, as transformers calls a label without a name. */
const NUMBERED = /^label[_ ]?([0-9]{1,6})$/;
/** What only says how a sign is shown: its colour, and that it is a picture. */
const VARIANTS = /[\ufe0e\ufe0f\u{1f3fb}-\u{1f3ff}]/gu;

/** @typedef {import("./dataset.js").Dataset} Dataset */
/** @typedef {import("./results.js").Results} Results */

export class OwnLabels {
  /** @type {Dataset | null} */
  #dataset = null;
  /** @type {Results | null} */
  #results = null;
  /** @type {import("./groups.js").Groups | null} */
  #groups = null;
  /** @type {number[]} for each value the index of the label that it means; -1: none */
  #meaning = [];

  /** @param {(filter: {words: string, test: import("./results.js").Test}) => void} onDisagreements */
  constructor(onDisagreements) {
    byId("own-column").addEventListener("change", () => this.#choose(byId("own-column").value));
    byId("disagreements").addEventListener("click", () => {
      onDisagreements({ words: "disagrees with my label", test: (row) => this.#disagrees(row) });
    });
  }

  /**
   * @param {Dataset} dataset
   * @param {Results} results
   */
  show(dataset, results) {
    [this.#dataset, this.#results, this.#groups] = [dataset, results, null];
    const columns = dataset.columns.map((_, index) => index).filter((index) => index !== dataset.column && isCategory(dataset, index) && dataset.filling[index].distinct <= MOST_VALUES);
    columns.sort((one, other) => Number(LABEL_NAME.test(dataset.columns[other])) - Number(LABEL_NAME.test(dataset.columns[one])));
    byId("own").hidden = !columns.length || results.head.kind !== "one"; // elsewhere a row has no one label
    byId("own-column").replaceChildren(new Option("choose one", ""), ...columns.map((index) => new Option(dataset.columns[index], String(index))));
    byId("own-map").replaceChildren();
    byId("own-report").hidden = true;
  }

  /** @param {string} value */
  #choose(value) {
    const [dataset, results] = [this.#dataset, this.#results];
    if (!dataset || !results) return;
    this.#groups = value === "" ? null : groupsOf(dataset, Number(value));
    const keys = this.#groups?.keys ?? [];
    this.#meaning = meanings(keys, results.labels, dataset.columns[Number(value)] ?? "");
    byId("own-map").replaceChildren(...keys.map((key, index) => this.#choice(key, index, results.labels)));
    this.draw();
  }

  /**
   * @param {string} key
   * @param {number} index
   * @param {string[]} labels
   */
  #choice(key, index, labels) {
    const select = /** @type {HTMLSelectElement} */ (el("select", { id: `own-${index}` }));
    select.append(new Option("left out", "-1"), ...labels.map((label, place) => new Option(label, String(place))));
    select.value = String(this.#meaning[index]);
    select.addEventListener("change", () => {
      this.#meaning[index] = Number(select.value);
      this.draw();
    });
    return el("li", {}, el("label", { for: `own-${index}` }, key), select);
  }

  /**
   * What the file says of a row, as the index of a label; -1: nothing.
   * @param {number} row
   */
  #said(row) {
    return this.#meaning[this.#groups?.groupOf[row] ?? -1] ?? -1;
  }

  /** @param {number} row */
  #disagrees(row) {
    const said = this.#said(row);
    return said !== -1 && this.#results?.status[row] === DONE && !this.#results.has(row, said);
  }

  draw() {
    const [results, groups] = [this.#results, this.#groups];
    byId("own-report").hidden = !results || !groups;
    if (!results || !groups) return;
    const { labels } = results;
    const counts = labels.map(() => labels.map(() => 0));
    let compared = 0;
    let right = 0;
    for (let row = 0; row < results.count; row += 1) {
      const said = this.#said(row);
      if (said === -1 || results.status[row] !== DONE) continue;
      counts[said][results.answers[results.answer[row]][0]] += 1;
      compared += 1;
      right += Number(results.has(row, said));
    }
    byId("own-accuracy").textContent = compared ? `${percent(right / compared)} right of ${plural(compared, "row")}` : "Say what the values mean";
    byId("own-note").textContent = `${plural(results.done - compared, "answered row")} left out.`;
    byId("disagreements").hidden = right === compared;
    byId("disagreements").textContent = `Show the ${plural(compared - right, "row")} that disagree`;
    drawConfusion(labels, counts);
  }
}

/**
 * Names in any case, indices, true and false, -1 and 1; anything else is left to people.
 * @param {string[]} keys
 * @param {string[]} labels
 * @param {string} column its name
 */
function meanings(keys, labels, column) {
  const names = labels.map((label) => label.toLowerCase());
  const written = keys.map(folded);
  const numbers = written.filter((key) => /^-?\d+$/.test(key));
  /** @type {Map<string, number>} */
  const known = new Map();
  const add = (/** @type {string[]} */ words, /** @type {number} */ label) => words.forEach((word) => known.set(word, label));
  // Numbers are indices only if all of them can be: of one to five stars, 1 is not the label with the index 1.
  const canBeIndices = (/** @type {string[]} */ of) => of.every((key) => Number(key) >= 0 && Number(key) < labels.length);
  if (canBeIndices(numbers) && !areGrades(numbers, column)) labels.forEach((_, index) => add([String(index)], index));
  const numbered = written.filter((key) => NUMBERED.test(key));
  if (canBeIndices(numbered.map(indexIn))) numbered.forEach((key) => add([key], Number(indexIn(key))));
  if (labels.length === 2) {
    if (numbers.includes("-1") && numbers.every((key) => key === "-1" || key === "1") && numbers.includes("1")) labels.forEach((_, index) => add([["-1", "1"][index]], index));
    if (NEGATIVE.includes(names[0]) && POSITIVE.includes(names[1])) [NEGATIVE, POSITIVE].forEach(add);
    [["false"], ["true"]].forEach(add);
  }
  names.forEach((name, index) => add([name], index));
  return written.map((key) => known.get(key) ?? -1);
}

/** @param {string} key such as `label_1` */
const indexIn = (key) => key.match(NUMBERED)?.[1] ?? "";

/**
 * Whether numbers that could be indices are stars all the same: in a file of the worst, all are 1.
 * @param {string[]} numbers
 * @param {string} column its name
 */
function areGrades(numbers, column) {
  return hasWordOf(column, OF_STARS) || (hasWordOf(column, new Set(["score"])) && numbers.length > 0 && numbers.every((key) => key === "1"));
}

/**
 * `Positive`, `POSITIVE` and `positive` are one; so are 1, 1.0 and +1.
 * @param {string} key
 */
function folded(key) {
  const plain = key.normalize("NFC").trim().toLowerCase().replace(VARIANTS, "").replace("\u2212", "-");
  return plain && Number.isInteger(Number(plain)) ? String(Number(plain)) : plain;
}

/**
 * @param {string[]} labels
 * @param {number[][]} counts by what the file says, then by what the model says
 */
function drawConfusion(labels, counts) {
  const table = byId("confusion");
  const corner = el("th", { scope: "col" }, "file \\ model");
  table.tHead.replaceChildren(el("tr", {}, corner, ...labels.map((label) => el("th", { scope: "col" }, label))));
  const rows = labels.map((label, said) =>
    el("tr", {}, el("th", { scope: "row" }, label), ...counts[said].map((count, found) => el("td", { class: `numbers${said === found ? " right" : ""}` }, grouped(count)))),
  );
  table.tBodies[0].replaceChildren(...rows);
}
