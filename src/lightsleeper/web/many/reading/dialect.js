/** Which delimiter, quotes and line ends, and whether the first row names the columns. As `bulk/records/dialect.py`. */

import { CellReader } from "./cells.js";
import { evidences, isHeader, isNamed, sum } from "./header.js";
import { DELIMITERS, LAST_DELIMITERS, LEAST_FIT, MOSTLY, ONE_COLUMN, RARE_DELIMITERS, TEXT_NAMES } from "./rules.js";
import { isEmpty, Lines } from "./titles.js";

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
    const rows = reader.push(text, whole);
    const lines = new Lines(rows.map(({ cells }) => cells));
    const start = lines.titles();
    this.rows = rows.filter(({ cells }) => !isEmpty(cells)).slice(start, start + lines.table(start).length);
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

  /** Whether a blank stands behind each delimiter, as it does in texts. */
  get isSpaced() {
    return this.rows.every(({ cells }) => cells.slice(1).every((cell) => cell.startsWith(" ")));
  }

  /** Whether its commas are those of texts: a blank behind each, in rows of any width, and no header above. */
  get isProse() {
    return this.dialect.delimiter === "," && this.isSpaced && !this.isHeaded;
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
    const { dialect } = best;
    const others = ways.map((quoting) => trial({ ...dialect, quoting })).filter(({ rows }) => rows.length);
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
  if (otherFit !== fit) return otherFit > fit ? other : one;
  if (other.isSpaced !== one.isSpaced) return one.isSpaced ? other : one;
  return other.width > one.width ? other : one;
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
const isQuoted = (cell) => cell.length > 1 && cell.startsWith('"') && cell.endsWith('"');
