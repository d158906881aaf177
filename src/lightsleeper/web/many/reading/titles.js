/** Where a table begins and ends in a file that holds more: titles, comments, names and values above, tables below. As `bulk/records/titles.py`. */

import { evidences, isNamed, mostCommon, sum, wordCount } from "./header.js";
import { MOSTLY, OTHER_NAMES, TEXT_NAMES } from "./rules.js";
import { areValues, isValue, trimmed } from "./values.js";

/** Lines above the header. */
const MOST_TITLES = 30;
/** Of them, those of more than one cell. */
const MOST_PAIRS = 10;
const NAME_WORDS = 4;
const PAIR = 2;

/**
 * Whether a line has nothing on it.
 * @param {string[]} cells
 */
export const isEmpty = (cells) => !cells.length || (cells.length === 1 && !cells[0]);

/**
 * Whether a line behind an empty one names other columns than the `width` that there are, for the line `below`. As many
 * columns are others only if most have a name that is known: a row may hold short words alone.
 * @param {string[]} cells
 * @param {string[] | undefined} below
 * @param {number} width
 */
export function beginsAnotherTable(cells, below, width) {
  if (cells.length < PAIR || below?.length !== cells.length) return false;
  const isSure = cells.length !== width || 2 * cells.filter(isKnown).length > cells.length;
  return isSure && cells.every((cell) => /^[^\s\x1c-\x1f\x85]/.test(cell) && mayName(trimmed(cell)));
}

/** @param {string} cell */
function isKnown(cell) {
  const name = trimmed(cell).toLowerCase();
  return TEXT_NAMES.has(name) || OTHER_NAMES.has(name);
}

/** @param {string} cell */
const mayName = (cell) => cell !== "" && !isValue(cell) && wordCount(cell) <= NAME_WORDS;

/** The beginning of a file: lines with something on them, and which of them stand behind an empty one. */
export class Lines {
  /** @type {string[][]} */
  filled = [];
  /** @type {Set<number>} */
  #behindEmpty = new Set();

  /** @param {string[][]} rows as they are read, with the empty ones */
  constructor(rows) {
    rows.forEach((cells, index) => {
      if (index && !rows[index - 1].some(trimmed)) this.#behindEmpty.add(this.filled.length);
      if (!isEmpty(cells)) this.filled.push(cells);
    });
  }

  /**
   * How many of the first lines are no part of the table: comments, titles, names and values above its header. A comment
   * begins with `#`, and may hold delimiters; a header that does is as wide as the rows below it and has no blank behind.
   * A title is one cell with something in it. Names and values are in fewer cells than the header. All of this only above
   * what surely is a header.
   */
  titles() {
    const first = this.filled.slice(0, 1 + MOST_TITLES);
    const usual = mostCommon(this.filled.map((row) => row.length))?.[0];
    const count = first.findIndex((cells) => !isTitle(cells, usual));
    if (count > 0 && this.#isHead(count)) return count;
    let most = 0;
    for (let index = 1; index < Math.min(first.length, 1 + MOST_PAIRS); index += 1) {
      most = Math.max(most, isProse(first[index - 1]) ? 1 : filledIn(first[index - 1]));
      if (this.#isBelowPairs(index, most) && this.#isHead(index) && this.#isBetterHead(index)) return index;
    }
    return 0;
  }

  /**
   * The lines from `start` on, up to those of another table.
   * @param {number} start
   */
  table(start) {
    return this.filled.slice(start, this.#end(start));
  }

  /** @param {number} start */
  #end(start) {
    const width = this.filled[start]?.length ?? 0;
    for (const index of this.#behindEmpty) {
      const cells = this.filled[index] ?? [];
      if (index > start + 1 && cells.length !== width && beginsAnotherTable(cells, this.#below(index), width)) return index;
    }
    return this.#footer(start, width);
  }

  /**
   * The line that follows without an empty one between.
   * @param {number} index
   */
  #below(index) {
    return this.#behindEmpty.has(index + 1) ? undefined : this.filled[index + 1];
  }

  /**
   * Where lines of one cell begin that an empty line sets apart at the end, in a table of more columns.
   * @param {number} start
   * @param {number} width
   */
  #footer(start, width) {
    const end = this.filled.length;
    let first = end;
    while (first > start + 1 && this.filled[first - 1].length <= 1) first -= 1;
    for (let index = first > start + 1 ? first : end; index < end; index += 1) if (width > 1 && this.#behindEmpty.has(index)) return index;
    return end;
  }

  /**
   * Whether the lines above are narrower, of `most` cells, or pairs that an empty line sets apart.
   * @param {number} index
   * @param {number} most
   */
  #isBelowPairs(index, most) {
    const wide = filledIn(this.filled[index]);
    return (most < wide && most <= Math.max(PAIR, Math.floor(wide / 2))) || (most === PAIR && wide === PAIR && this.#behindEmpty.has(index));
  }

  /**
   * Whether what surely is a header stands there, above rows that are as wide.
   * @param {number} index
   */
  #isHead(index) {
    const [head, ...body] = this.table(index);
    const even = body.filter((row) => row.length === head.length).length;
    return body.length > 0 && even >= MOSTLY * body.length && sum(evidences([head, ...body])) > 0;
  }

  /**
   * Whether it looks more like names than the first line, which then has no table of its own.
   * @param {number} index
   */
  #isBetterHead(index) {
    const table = this.table(index);
    const above = this.filled.slice(0, index);
    const first = above[0].map(trimmed).filter(Boolean);
    if (areValues(above.slice(1).map((row) => trimmed(row[0]))) || first.every(isKnown)) return false;
    const ours = sum(evidences(table)) / Math.max(1, filledIn(table[0]));
    const theirs = (2 * first.filter(isNamed).length) / Math.max(1, first.length);
    return ours > theirs || (ours === theirs && table.length > above.length);
  }
}

/** @param {string[]} cells */
const filledIn = (cells) => cells.filter(trimmed).length;

/** @param {string[]} cells */
const isProse = (cells) => cells.slice(1).every((cell) => cell.startsWith(" "));

/**
 * @param {string[]} cells
 * @param {number | undefined} usual
 */
function isTitle(cells, usual) {
  return /^(# |\/\/ |-- |% )/.test(cells[0] ?? "") || (cells[0]?.startsWith("#") && cells.length !== usual) || filledIn(cells) <= 1;
}
