/** Where what should be JSON is none: its first fault, by line and column. As `bulk/records/json_faults.py`. */

import { skipSpace } from "./json_values.js";

const CHARS = /"[^"\\]*(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\]*)*/y;
const PLAIN = /(?:true|false|null|NaN|-?Infinity|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![0-9A-Za-z_.+-])/y;
/** Rows go no deeper whose inner lines begin as they do; Python's parser stops as well, a little later. */
const MAX_NESTED = 100;
/**
 * What is likely to be meant by a character that stands where none may.
 * @type {Record<string, string>}
 */
const MEANT = {
  "'": "names and strings stand in double quotes",
  "/": "JSON has no comments",
  "#": "JSON has no comments",
  "\\": "a backslash in a string is written twice",
};

/** What may go on behind the end of what was read: a number, a word, an escape. */
const CUT = /^\\?[-+.\w]*$/;

/**
 * Whether text that is no JSON may be the beginning of it.
 * @param {string} text
 */
export function isCut(text) {
  const position = firstFault(text, MAX_NESTED);
  return position === null || CUT.test(text.slice(position));
}

/**
 * The first fault in one JSON value or several, in words; empty if there is none in `text`, `whole` or cut.
 * @param {string} text
 * @param {boolean} whole
 */
export function faultIn(text, whole) {
  const position = firstFault(text);
  if (position === null || (position >= text.length && !whole)) return "";
  const before = text.slice(0, position).split("\n");
  const place = `line ${before.length}, column ${[...(before.at(-1) ?? "")].length + 1}`;
  if (position >= text.length) return `it breaks off in ${place}`;
  const sign = /[A-Za-z_]/.test(text[position]) ? "'" : text[position];
  const isBehindComma = "}]".includes(sign) && /,[ \t\r\n]*$/.test(text.slice(Math.max(0, position - 1000), position));
  const meant = isBehindComma ? "behind the last value stands no comma" : MEANT[sign];
  return `${place} is not JSON${meant ? `: ${meant}` : ""}`;
}

/**
 * What is wrong with the beginning of a file that is called JSON and holds none.
 * @param {string} text
 * @param {boolean} whole
 */
export function complaintOn(text, whole) {
  const fault = '{["/'.includes(text.trimStart()[0]) ? faultIn(text, whole) : "";
  return fault || "its beginning holds neither objects nor lists nor strings";
}

/**
 * Where no JSON can go on; the length of `text` if more of it must come; null if it is JSON.
 * @param {string} text
 * @param {number} [maxNested] what is nested more deeply is a fault
 */
function firstFault(text, maxNested = Infinity) {
  /** @type {string[]} */
  const closing = [];
  let expected = "value";
  let position = skipSpace(text, 0);
  for (; position < text.length; position = skipSpace(text, position)) {
    const sign = text[position];
    const last = closing.at(-1);
    const isName = expected === "name" || (expected === "first" && last === "}");
    if (expected === "next" && !last) {
      expected = "value";
      position += Number(sign === ",");
    } else if (expected === "next" && sign === ",") {
      expected = last === "}" ? "name" : "value";
      position += 1;
    } else if (sign === last && (expected === "next" || expected === "first")) {
      closing.pop();
      expected = "next";
      position += 1;
    } else if (expected === "colon" && sign === ":") {
      expected = "value";
      position += 1;
    } else if (expected === "next" || expected === "colon") {
      return position;
    } else if (sign === '"') {
      CHARS.lastIndex = position;
      CHARS.test(text);
      position = CHARS.lastIndex;
      if (text[position] !== '"') return position;
      expected = isName ? "colon" : "next";
      position += 1;
    } else if (isName) {
      return position;
    } else if (closing.length >= maxNested) {
      return position;
    } else if (sign === "{" || sign === "[") {
      closing.push(sign === "{" ? "}" : "]");
      expected = "first";
      position += 1;
    } else {
      PLAIN.lastIndex = position;
      if (!PLAIN.test(text)) return position;
      expected = "next";
      position = PLAIN.lastIndex;
    }
  }
  return closing.length ? position : null;
}
