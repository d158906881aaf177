/** Names of columns, what fills them, and which holds the texts. As `bulk/records/columns.py`. */

import { ABOUT_STEMS, ANSWERING_NAMES, ASIDE_NAMES, OTHER_NAMES, OTHER_STEMS, PLACEHOLDERS, TEXT_NAMES, TEXT_STEMS, WEAK_TEXT_NAMES } from "./rules.js";
import { areValues, trimmed } from "./values.js";

/** A text longer than this says no more about its column. */
const MOST_WORDS = 100;
/** Words a cell, below which a column is none of texts; one called `text` has as many, though its cells may be smileys. */
const LEAST_WORDS = 0.1;
const LONGEST_PLACEHOLDER = Math.max(...Array.from(PLACEHOLDERS, (word) => word.length));
/** A letter of a script that writes no spaces is about half a word. */
const UNSPACED = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]/g;
const IS_UNSPACED = new RegExp(UNSPACED.source);
const SHORT_STEM = 5;
const NAME_WORDS = 4;
/** A column called text that is at least half filled is one, unless nothing in it can be read or another holds this many times as much. */
const NAMED = 16;
const HALF = 0.5;
const LEAST_WEIGHT = 0.01;
/** A string of two words or more. */
const TEXT_WITHIN = /[:[,]\s*"[^"\s]+\s[^"]*"/;
const FEW_WORDS = 3;
/** So many cells, all alike, are no texts. */
const MANY = 3;
const WORD = /(?<!\S)[(["'“‘«¿¡#*_-]*\p{L}[^\s/@<>{}=_\\]*(?!\S)/gu;

/**
 * @typedef {object} Column
 * @property {string} name what the file calls it; columns without a name are numbered, repeated names get a number
 * @property {number} filled share of the rows whose cell is neither blank nor a placeholder
 * @property {number} distinct share of those cells that no other equals
 * @property {number} likeness how much it looks like the column of texts; 0 if nothing in it can be read
 * @property {boolean} isNamed whether its name says that it holds the texts, and it holds something
 * @property {boolean} [holdsTexts] whether that is JSON with texts in it: rows of their own, it may be
 */

/**
 * One name for each of `width` columns: `column 3` where there is none, `text 2` for the second `text`.
 * @param {string[]} header
 * @param {number} width
 */
export function uniqueNames(header, width) {
  /** @type {Set<string>} */
  const names = new Set();
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (let index = 0; index < width; index += 1) {
    const stem = trimmed(header[index] ?? "") || `column ${index + 1}`;
    let name = stem;
    while (names.has(name)) {
      counts.set(stem, (counts.get(stem) ?? 1) + 1);
      name = `${stem} ${counts.get(stem)}`;
    }
    names.add(name);
  }
  return [...names];
}

/** @param {string} cell */
export const isBlank = (cell) => /^[\s\p{Z}\p{Cc}\p{Cf}\p{Co}\p{Mn}]*$/u.test(cell);

/** @param {string} cell */
const isPlaceholder = (cell) => PLACEHOLDERS.has(trimmed(cell).toLowerCase());

/**
 * Neither blank nor a placeholder. Most cells begin with a digit, or with a letter and are too long for a placeholder,
 * which is quick to see: a million rows are asked about before the first is sent.
 * @param {string} cell
 */
export function isFilled(cell) {
  const first = cell.charCodeAt(0);
  if (first >= 0x30 && first <= 0x39 && !cell.includes("#")) return true;
  const last = cell.charCodeAt(cell.length - 1);
  if (cell.length > LONGEST_PLACEHOLDER && first > 0x20 && first < 0x7f && last > 0x20 && last < 0x7f) return true;
  return !isBlank(cell) && !isPlaceholder(cell);
}

/**
 * The columns of `names` as `rows` fill them.
 * @param {string[]} names
 * @param {(string | null)[][]} rows
 * @returns {Column[]}
 */
export const describe = (names, rows) => names.map((name, index) => column(name, rows.map((row) => row[index] ?? null)));

/**
 * The index of the column that looks most like texts; the only one there is; null if none can be read. Null, too, where
 * texts stand within JSON, in a column called so, and the best of the others says but a few words: the names of what was
 * reviewed.
 * @param {Column[]} columns
 */
export function textColumn(columns) {
  if (columns.length === 1) return 0;
  let best = 0;
  columns.forEach(({ likeness }, index) => likeness > columns[best].likeness && (best = index));
  if (!columns[best]?.likeness) return null;
  const isDoubtful = columns[best].likeness < FEW_WORDS && !columns[best].isNamed;
  return isDoubtful && columns.some(({ isNamed, holdsTexts }) => isNamed && holdsTexts) ? null : best;
}

/**
 * The words of a column's name: `reviewText` and `Review Text` hold review and text.
 * @param {string} name
 */
function wordsOfName(name) {
  const parts = name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, " ").match(/\p{L}+/gu) ?? [];
  return new Set([...parts, name].map((part) => part.toLowerCase()));
}

/**
 * @param {string} name
 * @param {Set<string>} known
 */
export const hasWordOf = (name, known) => [...wordsOfName(name)].some((word) => known.has(word));

/**
 * Whether it is one word that says, in another language than English, that texts stand below.
 * @param {string} name
 */
export function isCalledText(name) {
  const word = trimmed(name).toLowerCase();
  return /^\p{L}+$/u.test(word) && [...TEXT_STEMS].some((stem) => word === stem || (!IS_UNSPACED.test(stem) && isStem(stem, word)));
}

/**
 * Words for a column called text that was not chosen, where the chosen one is not called so.
 * @param {Column[]} columns
 * @param {number} chosen
 */
export function namedOtherwise(columns, chosen) {
  const other = columns.find(({ isNamed }) => isNamed);
  return other && !columns[chosen].isNamed ? [`${other.name} is named like the text`] : [];
}

/**
 * @param {string} name
 * @param {(string | null)[]} cells
 * @returns {Column}
 */
function column(name, cells) {
  const filled = /** @type {string[]} */ (cells.filter((cell) => cell !== null && isFilled(cell)));
  if (!filled.length) return { name, filled: 0, distinct: 0, likeness: 0, isNamed: false };
  const share = filled.length / cells.length;
  const distinct = new Set(filled).size / filled.length;
  const words = filled.reduce((sum, cell) => sum + Math.min(MOST_WORDS, countWords(cell)), 0) / filled.length;
  let weight = weightOf(name);
  const isNamed = weight === NAMED;
  const readable = weight > 1 ? Math.max(words, LEAST_WORDS) : words; // `tweet_id` is none
  if (isNamed && areValues(filled.map(trimmed))) weight = LEAST_WEIGHT; // if there is nothing else
  else if (isNamed && (words < LEAST_WORDS || share < HALF || (filled.length >= MANY && new Set(filled).size === 1))) weight = 2;
  const holdsTexts = isNamed && filled.every(isJson) && filled.some((cell) => TEXT_WITHIN.test(cell));
  return { name, filled: share, distinct, likeness: readable >= LEAST_WORDS ? readable * share * distinct * weight : 0, isNamed, holdsTexts };
}

/** @param {string} cell */
const isJson = (cell) => /^[{[][^]*[}\]]$/.test(cell);

/** @param {string} cell */
function countWords(cell) {
  if (isJson(cell)) return 0; // not written by hand
  const unspaced = cell.match(UNSPACED)?.length ?? 0;
  return unspaced && unspaced > Array.from(cell).length / 4 ? unspaced / 2 : (cell.match(WORD)?.length ?? 0);
}

/**
 * What a name says: not which column it is, unless it is called text and is no other's answer.
 * @param {string} name
 */
function weightOf(name) {
  const words = wordsOfName(name);
  const has = (/** @type {Set<string>} */ known) => [...words].some((word) => known.has(word));
  if ((name.match(/\p{L}+/gu) ?? []).length > NAME_WORDS) { // a question, which may hold any of them
    if (has(OTHER_NAMES)) return has(TEXT_NAMES) ? 1 : 0.5;
    return has(TEXT_NAMES) ? 2 : 1;
  }
  if (hasStem(words, ANSWERING_NAMES)) return 0.25;
  const isText = [...words].some((word) => TEXT_NAMES.has(word) && !WEAK_TEXT_NAMES.has(word)) || hasStem(words, TEXT_STEMS);
  const isOther = (/** @type {string} */ word) => OTHER_NAMES.has(word) || ASIDE_NAMES.has(word) || hasStem(new Set([word]), OTHER_STEMS);
  // A `product_review` is one.
  if ([...words].some((word) => isOther(word) && !(isText && hasStem(new Set([word]), ABOUT_STEMS)))) return isText ? 1 : 0.5;
  if (isText) return NAMED;
  return has(WEAK_TEXT_NAMES) ? 2 : 1;
}

/**
 * @param {Set<string>} words
 * @param {Set<string>} stems
 */
const hasStem = (words, stems) => [...stems].some((stem) => [...words].some((word) => isStem(stem, word)));

/**
 * @param {string} stem
 * @param {string} word
 */
function isStem(stem, word) {
  if (IS_UNSPACED.test(stem)) return word.includes(stem);
  return word === stem || (stem.length >= SHORT_STEM && (word.startsWith(stem) || word.endsWith(stem)));
}
