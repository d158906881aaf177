/** Whether a first row names the columns, and how many columns there are. As `bulk/records/header.py`. */

import { hasWordOf, isCalledText } from "./columns.js";
import { MOSTLY, OTHER_NAMES, TEXT_NAMES } from "./rules.js";
import { areValues, isValue, isYear, trimmed } from "./values.js";

/** Rows that the header is compared with. */
const HEADER_ROWS = 200;
const NAME_WORDS = 4;
const SENTENCE_WORDS = 8;
/** What a known name says for a header. */
const KNOWN = 2;
/** Names do not end as sentences do; "Tel. Nr." is none. */
const EXCLAIMED = /\s\S*[!\u2026]$|\uff01$/;
const STATED = /\s\S{4,}\.$|\u3002$/;
const LONG_NAME_CHARS = 60;
/** A question above so many cells without one is what they answer. */
const FEW_CELLS = 3;
const IDS = new Set(["id", "nr", "no", "number", "index", "key", "row", "#"]);

/**
 * Whether the first of `rows` names the columns, by what it holds and how the others differ.
 * @param {string[][]} rows
 */
export function isHeader(rows) {
  const each = evidences(rows);
  const total = sum(each);
  return total > 0 || (total === 0 && each.length > 1 && each.every((one) => one >= 0));
}

/**
 * The row of names, if there is one, and how many columns there are.
 * @param {string[][]} rows
 * @param {boolean | undefined} said
 */
export function headerOf(rows, said) {
  if (!rows.length) return { header: null, width: 1 };
  const header = (said ?? isHeader(rows)) ? rows[0] : null;
  const body = header ? rows.slice(1) : rows;
  const [usual, times] = mostCommon(body.map((row) => row.length)) ?? [rows[0].length, 0];
  if (!header) return { header, width: usual };
  const isFilled = body.some((row) => row.slice(header.length).some(trimmed));
  const isUsual = usual > header.length && times >= MOSTLY * body.length;
  if (!isUsual || isProse(header, body, usual) || !isFilled) return { header, width: header.length };
  // R names no column for the names of its rows.
  return { header: usual === header.length + 1 ? ["", ...header] : header, width: usual };
}

/**
 * Whether what is too much in nearly every row is of a text: the first column has a name, or is no row's name. That is so
 * where a blank begins a cell, as it begins no name; where cells of the first column are alike; and where they are numbers
 * below `id` with none beside them.
 * @param {string[]} header
 * @param {string[][]} body
 * @param {number} usual
 */
function isProse(header, body, usual) {
  const alike = body.filter((row) => row.length === usual);
  const begins = (/** @type {number} */ index) => alike.filter((row) => row[index].startsWith(" ")).length >= MOSTLY * alike.length;
  if (Array.from({ length: usual }, (_, index) => index).some(begins) && !header.some((name) => name.startsWith(" "))) return true;
  const [first, second] = [0, 1].map((index) => alike.map((row) => trimmed(row[index])));
  const isId = IDS.has(trimmed(header[0]).toLowerCase()) && areValues(first) && !areValues(second);
  return isId || (usual === header.length + 1 && new Set(first).size < first.length);
}

/** @param {number[]} numbers */
export const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);

/**
 * The first of the numbers that come most often, and how often.
 * @param {number[]} numbers
 * @returns {[number, number] | undefined}
 */
export function mostCommon(numbers) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return [...counts].reduce((one, other) => (one && one[1] >= other[1] ? one : other), /** @type {[number, number] | undefined} */ (undefined));
}

/**
 * For each cell of the first row how much it looks like the name of its column; none if it is blank.
 * @param {string[][]} rows
 * @returns {number[]}
 */
export function evidences(rows) {
  const [head, ...body] = rows.slice(0, 1 + HEADER_ROWS);
  if (!head || head.every((cell) => !trimmed(cell))) return [];
  const columns = head.map((_, index) => body.filter((row) => index < row.length).map((row) => trimmed(row[index])));
  if (areNumbered(head) && !columns.every(areValues)) return head.map(() => 3);
  const found = head.map((cell, index) => evidence(cell, columns[index]));
  if (head.length === 1 && found[0] === KNOWN && !namesTexts(head[0])) return [0];
  // One year may be a number of the first row; several, or one beside a name, are names of what was counted in them.
  const years = head.map((cell, index) => namesAYear(trimmed(cell), columns[index]));
  const isKnown = (/** @type {string} */ cell) => TEXT_NAMES.has(trimmed(cell).toLowerCase()) || OTHER_NAMES.has(trimmed(cell).toLowerCase());
  if (years.filter(Boolean).length > 1 || head.some(isKnown)) return found.map((each, index) => (years[index] ? 0 : each));
  return found;
}

/**
 * Of a column that is all there is: `Great product` is a text, `Comment on the product` is none.
 * @param {string} cell
 */
const namesTexts = (cell) => wordCount(cell) === 1 || hasWordOf(cell, TEXT_NAMES);

/**
 * Whether a known name is in it, and little else.
 * @param {string} cell
 */
export const isNamed = (cell) => ((hasWordOf(cell, TEXT_NAMES) || hasWordOf(cell, OTHER_NAMES)) && wordCount(cell) <= NAME_WORDS) || isCalledText(cell);

/** @param {string} cell */
export const wordCount = (cell) => (cell.match(/\S+/g) ?? []).length;

/**
 * @param {string} name
 * @param {string[]} below
 */
const namesAYear = (name, below) => isYear(name) && areValues(below) && !below.some(isYear);

/**
 * How much the cell at the top of a column looks like its name; below 0, like a value of it.
 * @param {string} cell
 * @param {string[]} below
 */
function evidence(cell, below) {
  const name = trimmed(cell);
  const filled = below.filter(Boolean);
  if (!name) return filled.length && filled.every(counts) ? 3 : 0;
  if (isValue(name) || EXCLAIMED.test(name)) return -3;
  const known = isNamed(name);
  if (!known && filled.includes(name)) return -2;
  if (areValues(filled)) return 3;
  if (known) return KNOWN;
  if (name.endsWith("?") && filled.length >= FEW_CELLS && !filled.some((value) => value.endsWith("?"))) return 1;
  if (STATED.test(name)) return -2;
  if (wordCount(name) > SENTENCE_WORDS || Array.from(name).length > LONG_NAME_CHARS) return /[?:]$/.test(name) ? 0 : -2;
  return /^([A-Za-z]+([_.][A-Za-z0-9]+)+|[a-z]+([A-Z][a-z0-9]+)+)$/.test(name) ? 1 : 0;
}

/**
 * Whether the cells are 0, 1, 2 … from any number on.
 * @param {string} value
 * @param {number} index
 * @param {string[]} all
 */
const counts = (value, index, all) => /^[0-9]{1,17}$/.test(value) && Number(value) === Number(all[0]) + index;

/**
 * Whether pandas named the columns 0, 1, 2, …, perhaps beside its index, which has no name.
 * @param {string[]} head
 */
function areNumbered(head) {
  const names = head.length > 1 && !trimmed(head[0]) ? head.slice(1) : head;
  return head.length > 1 && names.every((name, index) => name === String(index));
}
