/** Which delimiter, quotes and line ends, and whether the first row names the columns. As `bulk/records/dialect.py`. */

import { CellReader } from "./cells.js";
import { hasWordOf } from "./columns.js";
import { DELIMITERS, LAST_DELIMITERS, LEAST_FIT, OTHER_NAMES, RARE_DELIMITERS, TEXT_NAMES } from "./rules.js";

/** Of a table with one column: quotes count, and no character that texts hold splits them. */
export const ONE_COLUMN = "\x1f";

const DAY = "[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?";
const VALUES = [
  /^[-+]?[$€£]?[ ]?[0-9][0-9.,' ]*([eE][-+]?[0-9]+)?[ ]?[%$€£]?$/,
  new RegExp(`^(${DAY}|[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?.*)$`),
  /^((https?:\/\/|www\.)\S+|\S+@\S+\.\S+)$/i,
];
const DATE = new RegExp(`^${DAY}$`);
/** Rows that the header is compared with. */
const HEADER_ROWS = 200;
/** Lines above the header. */
const MOST_TITLES = 10;
const NAME_WORDS = 4;
const SENTENCE_WORDS = 8;
const LONG_NAME_CHARS = 60;
/** A question above so many cells without one is what they answer. */
const FEW_CELLS = 3;
const MOSTLY = 0.9;

/** @typedef {import("./cells.js").Dialect} Dialect */

/** How well a dialect explains the beginning of a file. */
class Trial {
  /**
   * @param {string} text
   * @param {Dialect} dialect
   * @param {boolean} whole
   */
  constructor(text, dialect, whole) {
    this.dialect = dialect;
    const reader = new CellReader(dialect);
    const rows = reader.push(text, whole).filter(({ cells }) => cells.length > 1 || cells[0]);
    this.rows = rows.slice(titleRows(rows.map(({ cells }) => cells)));
    this.linesLeft = reader.rest.split(dialect.lineEnd).length - 1;
    this.width = this.rows[0]?.cells.length ?? 0;
  }

  /** Share of the rows as wide as the first, longer ones counting half: texts hold delimiters, names do not. */
  get fit() {
    if (this.width < 2) return 0;
    const widths = this.rows.map(({ cells }) => cells.length);
    const equal = widths.filter((width) => width === this.width).length;
    const longer = widths.filter((width) => width > this.width).length;
    return (equal + longer / 2) / widths.length;
  }

  /** Whether the first row surely names the columns. */
  get isHeaded() {
    return sum(evidences(this.rows.map(({ cells }) => cells))) > 0;
  }

  /** Whether nearly all rows are as wide as the first, or all others one wider: R does not name its row names. */
  get isEven() {
    const widths = this.rows.map(({ cells }) => cells.length);
    const shifted = widths.filter((width) => width === this.width + 1).length;
    const isShifted = shifted > 0 && shifted === widths.length - 1;
    return this.width > 1 && (isShifted || widths.filter((width) => width === this.width).length >= MOSTLY * widths.length);
  }

  /** Whether what the delimiter may do in texts is not done here: blanks in quotes, no blank behind a colon. */
  get isSetApart() {
    const isBlank = this.dialect.delimiter === " ";
    return this.rows.some(({ cells }) => cells.some((cell) => (isBlank ? cell.includes(" ") : cell.startsWith(" ")))) === isBlank;
  }

  /** Whether its commas are those of texts: a blank behind each, in rows of any width, and no header above. */
  get isProse() {
    const blanks = this.rows.every(({ cells }) => cells.slice(1).every((cell) => cell.startsWith(" ")));
    return this.dialect.delimiter === "," && blanks && !this.isHeaded;
  }

  /** What it leaves unexplained: rows of another width or without end, quotes within quotes and around whole cells. */
  get strangeness() {
    const ragged = this.rows.filter(({ cells }) => cells.length !== this.width).length + this.linesLeft;
    if (this.dialect.quoting !== "none") return this.rows.reduce((sum, row) => sum + row.oddQuotes, ragged);
    return this.rows.reduce((sum, { cells }) => sum + cells.filter(isQuoted).length, ragged);
  }
}

/**
 * The delimiter that a first line `sep=;` names, as Excel writes it, and the text behind that line.
 * @param {string} text
 * @returns {[string | null, string]}
 */
export function separatorLine(text) {
  const match = text.match(/^"?sep=(.)"?(\r\n|\n|\r)/i);
  return match ? [match[1], text.slice(match[0].length)] : [null, text];
}

/**
 * A lone carriage return ends a row only where such are more than the line feeds.
 * @param {string} text
 * @returns {"\r" | "\n"}
 */
export function lineEnd(text) {
  const bare = text.replace(/"[^"]*"/g, "");
  return count(bare, /\r(?!\n)/g) > count(bare, /\n/g) ? "\r" : "\n";
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
const count = (text, pattern) => text.match(pattern)?.length ?? 0;

/**
 * The dialect of a table that begins with `text`.
 * @param {string} text
 * @param {boolean} whole there is no more of it
 * @param {string | null} [delimiter]
 * @returns {Dialect}
 */
export function decide(text, whole, delimiter = null) {
  /** @type {Dialect} */
  const base = { delimiter: ",", quoting: "doubled", lineEnd: lineEnd(text) };
  const trial = (/** @type {Partial<Dialect>} */ change) => new Trial(text, { ...base, ...change }, whole);
  // What may be half a smiley splits nothing without a header.
  const isLikely = (/** @type {Trial} */ each) => delimiter || !RARE_DELIMITERS.includes(each.dialect.delimiter ?? "") || each.isHeaded;
  const trials = (delimiter ? [delimiter] : DELIMITERS.filter((each) => text.includes(each))).map((each) => trial({ delimiter: each })).filter(isLikely);
  let best = trials.length ? trials.reduce(better) : null;
  // One column: a comma can be quoted there, and no unquoted one may split a text.
  if (!best || (!delimiter && (best.fit < LEAST_FIT || best.isProse))) best = last(text, trial) ?? trial({ delimiter: ONE_COLUMN });
  if (text.includes('"')) {
    /** @type {Dialect["quoting"][]} */
    const ways = text.includes('\\"') ? ["backslash", "none"] : ["none"];
    const others = ways.map((quoting) => trial({ ...best.dialect, quoting })).filter(({ rows }) => rows.length);
    best = others.reduce(lessStrange, best);
  }
  if (text.includes("\r\n") && /(?<!\r)\n/.test(text)) best = lessStrange(best, trial({ ...best.dialect, lineEnd: "\r\n" }));
  return best.dialect;
}

/**
 * What splits only where nothing else does, below a header, into even rows: a blank if quotes hold others.
 * @param {string} text
 * @param {(change: Partial<Dialect>) => Trial} trial
 */
function last(text, trial) {
  for (const delimiter of LAST_DELIMITERS.filter((each) => text.includes(each))) {
    const found = trial({ delimiter });
    if (found.isEven && found.isHeaded && found.isSetApart) return found;
  }
  return null;
}

/**
 * @param {Trial} one
 * @param {Trial} other
 */
function better(one, other) {
  const [fit, otherFit] = [one, other].map((trial) => Math.round(trial.fit * 100));
  return otherFit > fit || (otherFit === fit && other.width > one.width) ? other : one;
}

/**
 * @param {Trial} one
 * @param {Trial} other
 */
const lessStrange = (one, other) => (other.strangeness < one.strangeness ? other : one);

/**
 * Whether a file without a telling name is a table: tabs in every row, or a header, or one line `text` above others.
 * @param {string} text
 * @param {boolean} whole
 */
export function looksLikeTable(text, whole) {
  const trial = new Trial(text, decide(text, whole), whole);
  const cells = trial.rows.map((row) => row.cells);
  if (cells.length < 2) return false;
  if (trial.width === 1) return TEXT_NAMES.has(cells[0][0].trim().toLowerCase());
  if ((trial.fit < MOSTLY && !trial.isEven) || trial.dialect.delimiter === ":") return false;
  return trial.dialect.delimiter === "\t" || (isHeader(cells) && cells[0].some(isNamed));
}

/** @param {string} cell */
const isNamed = (cell) => (hasWordOf(cell, TEXT_NAMES) || hasWordOf(cell, OTHER_NAMES)) && wordCount(cell) <= NAME_WORDS;

/** @param {string} cell */
const wordCount = (cell) => (cell.match(/\S+/g) ?? []).length;

/** @param {string} cell */
const isQuoted = (cell) => cell.length > 1 && cell.startsWith('"') && cell.endsWith('"');

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
 * How many of the first rows are titles: comments, or one cell with something in it, above what surely is a header. A
 * comment begins with `#`, and may hold delimiters; a header that does is as wide as the rows below it and has no blank
 * behind.
 * @param {string[][]} rows
 */
export function titleRows(rows) {
  const usual = mostCommon(rows.map((row) => row.length))?.[0];
  const isTitle = (/** @type {string[]} */ cells) =>
    cells[0]?.startsWith("# ") || (cells[0]?.startsWith("#") && cells.length !== usual) || cells.filter((cell) => cell.trim()).length <= 1;
  const count = rows.slice(0, 1 + MOST_TITLES).findIndex((cells) => !isTitle(cells));
  if (count < 1) return 0;
  const [head, ...body] = rows.slice(count);
  const alike = body.filter((row) => row.length === head.length).length;
  if (!body.length || alike < MOSTLY * body.length) return 0;
  return sum(evidences([head, ...body])) > 0 ? count : 0;
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((total, one) => total + one, 0);

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
function evidences(rows) {
  const [head, ...body] = rows.slice(0, 1 + HEADER_ROWS);
  if (!head || head.every((cell) => !cell.trim())) return [];
  const columns = head.map((_, index) => body.filter((row) => index < row.length).map((row) => row[index].trim()));
  if (areNumbered(head) && !columns.every(areValues)) return head.map(() => 3);
  return head.map((cell, index) => evidence(cell, columns[index]));
}

/**
 * How much the cell at the top of a column looks like its name; below 0, like a value of it.
 * @param {string} cell
 * @param {string[]} below
 */
function evidence(cell, below) {
  const name = cell.trim();
  const filled = below.filter(Boolean);
  if (!name) return filled.length && filled.every(counts) ? 3 : 0;
  if (isValue(name)) return -3;
  const known = isNamed(name);
  if (!known && filled.includes(name)) return -2;
  if (areValues(filled)) return 3;
  if (known) return 2;
  if (name.endsWith("?") && filled.length >= FEW_CELLS && !filled.some((value) => value.endsWith("?"))) return 1;
  if (wordCount(name) > SENTENCE_WORDS || Array.from(name).length > LONG_NAME_CHARS) return /[?:]$/.test(name) ? 0 : -2;
  return /^([A-Za-z]+([_.][A-Za-z0-9]+)+|[a-z]+([A-Z][a-z0-9]+)+)$/.test(name) ? 1 : 0;
}

/**
 * Whether the cells are 0, 1, 2 … from any number on.
 * @param {string} value
 * @param {number} index
 * @param {string[]} all
 */
const counts = (value, index, all) => /^[0-9]+$/.test(value) && Number(value) === Number(all[0]) + index;

/**
 * Whether pandas named the columns 0, 1, 2, …, perhaps beside its index, which has no name.
 * @param {string[]} head
 */
function areNumbered(head) {
  const names = head.length > 1 && !head[0].trim() ? head.slice(1) : head;
  return head.length > 1 && names.every((name, index) => name === String(index));
}

/** @param {string[]} cells */
export function areValues(cells) {
  const filled = cells.filter(Boolean);
  return filled.length > 0 && filled.filter(isValue).length >= MOSTLY * filled.length;
}

/** @param {string} text */
export const isValue = (text) => VALUES.some((pattern) => pattern.test(text));

/** @param {string} cell */
export const isDate = (cell) => DATE.test(cell.trim());
