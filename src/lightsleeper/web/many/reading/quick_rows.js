/**
 * Rows that are quick to read, which are most of them: those without a quote that counts, and those that RFC 4180
 * describes. Every character is looked for once; on these rows `cells.js`, which reads all others, agrees.
 */

const [QUOTE, RETURN, BREAK] = Array.from('"\r\n', (char) => char.charCodeAt(0));
/** Longer rows are rare. */
const MAX_AGREED_CHARS = 100_000;

/** Where the next one of some characters is; Infinity if there is none. */
class Next {
  #since = Infinity;
  #at = -1;

  /**
   * @param {string} text
   * @param {string} what
   */
  constructor(text, what) {
    this.text = text;
    this.what = what;
  }

  /** @param {number} position */
  from(position) {
    if (position < this.#since || position > this.#at) {
      const found = this.text.indexOf(this.what, position);
      this.#since = position;
      this.#at = found === -1 ? Infinity : found;
    }
    return this.#at;
  }
}

/** Of one piece of a file. */
export class QuickRows {
  /** The line of the file that comes next. */
  line = 0;
  /** Where a row ended that was read. */
  #behind = 0;
  #hasQuotes;
  #isAgreed;
  #next;

  /**
   * @param {string} text
   * @param {import("./cells.js").Dialect} dialect
   * @param {boolean} isSound whether it is known that nothing in it was damaged
   */
  constructor(text, { delimiter, quoting, lineEnd }, isSound) {
    this.text = text;
    this.delimiter = delimiter;
    this.isSound = isSound;
    this.isPossible = lineEnd === "\n";
    this.#hasQuotes = delimiter !== null && quoting !== "none";
    // A tab-separated file has rules of its own.
    this.#isAgreed = quoting === "doubled" && delimiter?.length === 1 && !'\t"'.includes(delimiter);
    const [quote, end, carriageReturn, nul] = ['"', "\n", "\r", "\0"].map((char) => new Next(text, char));
    this.#next = { delimiter: new Next(text, delimiter ?? "\n"), quote, end, carriageReturn, nul };
  }

  /**
   * Adds to `rows` those from `position` on, up to the first that is not quick; where that begins.
   * @param {number} position
   * @param {number} line
   * @param {import("./cells.js").Cells[]} rows
   */
  take(position, line, rows) {
    this.line = line;
    let start = position;
    while (this.isPossible) {
      const end = this.#next.end.from(start);
      if (end === Infinity) break;
      const cells = !this.#hasQuotes || this.#next.quote.from(start) > end ? this.#plain(start, end) : this.#agreed(start);
      if (!cells) break;
      rows.push({ cells, line: this.line, oddQuotes: 0, isSound: this.isSound });
      this.line += this.#behind === end + 1 ? 1 : breaks(this.text, start, this.#behind);
      start = this.#behind;
    }
    return start;
  }

  /**
   * The cells of the line from `start` to `end`.
   * @param {number} start
   * @param {number} end
   */
  #plain(start, end) {
    const { text, delimiter } = this;
    const stop = end > start && text.charCodeAt(end - 1) === RETURN ? end - 1 : end;
    const cells = [];
    let at = start;
    if (delimiter !== null) {
      for (let cut = this.#next.delimiter.from(at); cut < stop; cut = this.#next.delimiter.from(at)) {
        cells.push(text.slice(at, cut));
        at = cut + delimiter.length;
      }
    }
    if (stop > start || delimiter === null) cells.push(text.slice(at, stop));
    this.#behind = end + 1;
    return cells;
  }

  /**
   * The cells of a row in which every quote stands around a cell, or is doubled; null if this is none.
   * @param {number} start
   */
  #agreed(start) {
    const { text, delimiter } = this;
    if (!this.#isAgreed) return null;
    const cells = [];
    for (let at = start; at - start <= MAX_AGREED_CHARS; at += 1) {
      const end = text.charCodeAt(at) === QUOTE ? this.#quotedEnd(at) : this.#unquotedEnd(at);
      if (end === -1) return null;
      cells.push(text.charCodeAt(at) === QUOTE ? unquoted(text.slice(at + 1, end - 1)) : text.slice(at, end));
      at = end;
      if (text[at] === delimiter) continue;
      if (text.charCodeAt(at) === RETURN) at += 1;
      if (text.charCodeAt(at) !== BREAK) return null;
      this.#behind = at + 1;
      return cells;
    }
    return null;
  }

  /** @param {number} start */
  #quotedEnd(start) {
    const { text } = this;
    let close = text.indexOf('"', start + 1);
    while (close !== -1 && text.charCodeAt(close + 1) === QUOTE) close = text.indexOf('"', close + 2);
    return close === -1 || this.#next.nul.from(start) < close ? -1 : close + 1;
  }

  /** @param {number} start */
  #unquotedEnd(start) {
    const { delimiter, end: lineEnd, quote, carriageReturn, nul } = this.#next;
    const end = Math.min(delimiter.from(start), lineEnd.from(start));
    const odd = Math.min(quote.from(start), nul.from(start));
    if (end === Infinity || odd < end) return -1;
    const back = carriageReturn.from(start);
    if (back >= end) return end;
    return back === end - 1 && this.text.charCodeAt(end) === BREAK ? back : -1;
  }
}

/** @param {string} inner */
const unquoted = (inner) => (inner.includes('"') ? inner.replaceAll('""', '"') : inner);

/**
 * How many lines end there.
 * @param {string} text
 * @param {number} start
 * @param {number} end
 */
export function breaks(text, start, end) {
  let count = 0;
  for (let at = text.indexOf("\n", start); at !== -1 && at < end; at = text.indexOf("\n", at + 1)) count += 1;
  return Math.max(1, count);
}
