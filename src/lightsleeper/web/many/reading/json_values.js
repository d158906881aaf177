/** JSON values as they are written: where one ends, what is in it, and what it shows. */

const SPACE = /[ \t\n\r]*/y;
const OTHER = /-?Infinity|NaN|[-+.0-9A-Za-z]+/y;
const STRUCTURE = /["{}[\]]/g;
const LITERAL = /^(?:true|false|null|NaN|-?Infinity|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)$/;

/** These characters are not a JSON value. */
export class NotJson extends Error {}

/**
 * Whether `action` meets nothing that is not JSON.
 * @param {() => unknown} action
 */
export function reads(action) {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof NotJson) return false;
    throw error;
  }
}

/**
 * Where the JSON value at `start` ends.
 * @param {string} text
 * @param {number} start
 */
export function valueEnd(text, start) {
  const first = text[start];
  if (first === '"') return stringEnd(text, start);
  if (first !== "{" && first !== "[") {
    OTHER.lastIndex = start;
    const end = OTHER.test(text) ? OTHER.lastIndex : start;
    if (!LITERAL.test(text.slice(start, end))) throw new NotJson();
    return end;
  }
  const end = nestedEnd(text, start);
  parsed(text.slice(start, end));
  return end;
}

/**
 * @param {string} text
 * @param {number} start of an object or an array
 */
function nestedEnd(text, start) {
  let depth = 0;
  STRUCTURE.lastIndex = start;
  for (let match = STRUCTURE.exec(text); match; match = STRUCTURE.exec(text)) {
    if (match[0] === '"') STRUCTURE.lastIndex = stringEnd(text, match.index);
    else depth += match[0] === "{" || match[0] === "[" ? 1 : -1;
    if (!depth) return match.index + 1;
  }
  throw new NotJson();
}

/**
 * @param {string} text
 * @param {number} start of a string
 */
function stringEnd(text, start) {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - backslashes - 1] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
  throw new NotJson();
}

/**
 * Python's JSON, which knows NaN and Infinity and lets line breaks stand in strings.
 * @param {string} raw
 */
function parsed(raw) {
  try {
    return JSON.parse(raw);
  } catch {
    const strict = raw
      .replace(/"(?:[^"\\]|\\[^])*"|\bNaN\b|-?\bInfinity\b/g, (part) => (part.startsWith('"') ? escapedControls(part) : "null"));
    try {
      return JSON.parse(strict);
    } catch {
      throw new NotJson();
    }
  }
}

/** @param {string} text */
const escapedControls = (text) => text.replace(/[\0-\x1f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/**
 * The position of the first character at or after `start` that is no white space.
 * @param {string} text
 * @param {number} start
 */
export function skipSpace(text, start) {
  SPACE.lastIndex = start;
  SPACE.test(text);
  return SPACE.lastIndex;
}

/**
 * Name and value of each member of a JSON object, in order, the values as they are written.
 * @param {string} raw
 */
export function members(raw) {
  /** @type {[string, string][]} */
  const found = [];
  for (const nameAt of items(raw, "{}")) {
    if (raw[nameAt] !== '"') throw new NotJson();
    const nameEnd = valueEnd(raw, nameAt);
    const colon = skipSpace(raw, nameEnd);
    if (raw[colon] !== ":") throw new NotJson();
    const valueAt = skipSpace(raw, colon + 1);
    found.push([String(parsed(raw.slice(nameAt, nameEnd))), raw.slice(valueAt, valueEnd(raw, valueAt))]);
  }
  return found;
}

/**
 * The elements of a JSON array as they are written.
 * @param {string} raw
 */
export const elements = (raw) => [...items(raw, "[]")].map((start) => raw.slice(start, valueEnd(raw, start)));

/**
 * Where each item between `brackets` begins.
 * @param {string} raw
 * @param {string} brackets
 */
function* items(raw, brackets) {
  const start = skipSpace(raw, 0);
  if (raw[start] !== brackets[0]) throw new NotJson();
  let position = skipSpace(raw, start + 1);
  while (raw[position] !== brackets[1]) {
    yield position;
    position = skipSpace(raw, valueEnd(raw, position));
    if (brackets === "{}") position = skipSpace(raw, valueEnd(raw, skipSpace(raw, position + 1)));
    if (raw[position] === ",") position = skipSpace(raw, position + 1);
    else if (raw[position] !== brackets[1]) throw new NotJson();
  }
}

/**
 * What a written value shows: a string's characters, nothing for null, the value as it stands for all others.
 * @param {string} value
 */
export function cellOf(value) {
  if (value.startsWith('"')) return String(parsed(value));
  return value === "null" ? "" : value;
}

/**
 * What a written value is, for people; empty for a string and null.
 * @param {string} value
 */
export function kindOfValue(value) {
  if (value.startsWith('"') || value === "null") return "";
  return { "{": "an object", "[": "a list", t: "true", f: "false" }[value[0]] ?? "a number";
}
