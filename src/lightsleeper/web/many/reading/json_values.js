/** JSON values as they are written: where one ends, what is in it, and what it shows. */

/** With the sign that RFC 7464 puts before each value. */
const SPACE = /[ \t\n\r\x1e]*/y;
const WORD = /\/\*[^]*?\*\/|(?!\/\*)[^,\]\n]+/y;
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
  // What nothing in escapes stands as it is: most names and many texts.
  if (raw.startsWith('"') && !/[\\\0-\x1f]/.test(raw)) return raw.slice(1, -1);
  try {
    return JSON.parse(raw);
  } catch {
    const strict = raw
      .replace(/"[^"\\]*(?:\\[^][^"\\]*)*"|\bNaN\b|-?\bInfinity\b/g, (part) => (part.startsWith('"') ? escapedControls(part) : "null"));
    try {
      return JSON.parse(strict);
    } catch {
      throw new NotJson();
    }
  }
}

/**
 * The value without a line break or any other raw control character: escaped in a string, a blank outside.
 * @param {string} raw
 */
export const oneLine = (raw) =>
  raw.replace(/"[^"\\]*(?:\\[^][^"\\]*)*"|[\0-\x1f]/g, (part) => (part.startsWith('"') ? escapedControls(part) : " "));

/** @param {string} text a string as it is written, in which nothing escapes a control character */
const escapedControls = (text) => text.replace(/\\[^]|[\0-\x1f]/g, (part) => (part.startsWith("\\") ? part : JSON.stringify(part).slice(1, -1)));

/**
 * An object as it is written, of names and of values as they are written.
 * @param {[string, string][]} pairs
 */
export const objectOf = (pairs) => `{${pairs.map(([name, value]) => `${written(name)}: ${value}`).join(", ")}}`;

/**
 * A string as JSON writes it.
 * @param {string} name
 */
export const written = (name) => JSON.stringify(name);

/**
 * Where what begins at `start` closes, be it JSON or not: a bracket, a string, a word; null if it does not.
 * @param {string} text
 * @param {number} start
 * @returns {number | null}
 */
export function closedEnd(text, start) {
  let end = 0;
  if (text[start] === "{" || text[start] === "[") return reads(() => (end = nestedEnd(text, start))) ? end : null;
  if (text[start] === '"') return reads(() => (end = stringEnd(text, start))) && end < text.length ? end : null;
  WORD.lastIndex = start;
  return WORD.test(text) && WORD.lastIndex < text.length ? WORD.lastIndex : null;
}

/**
 * The position of the first character at or after `start` that is no white space.
 * @param {string} text
 * @param {number} start
 */
export function skipSpace(text, start) {
  if (text.charCodeAt(start) > 0x20) return start;
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
  let position = opened(raw, "{");
  while (raw[position] !== "}") {
    if (raw[position] !== '"') throw new NotJson();
    const nameEnd = valueEnd(raw, position);
    const colon = skipSpace(raw, nameEnd);
    if (raw[colon] !== ":") throw new NotJson();
    const valueAt = skipSpace(raw, colon + 1);
    const end = valueEnd(raw, valueAt);
    found.push([String(parsed(raw.slice(position, nameEnd))), raw.slice(valueAt, end)]);
    position = nextItem(raw, end, "}");
  }
  return found;
}

/**
 * The elements of a JSON array as they are written.
 * @param {string} raw
 */
export function elements(raw) {
  /** @type {string[]} */
  const found = [];
  let position = opened(raw, "[");
  while (raw[position] !== "]") {
    const end = valueEnd(raw, position);
    found.push(raw.slice(position, end));
    position = nextItem(raw, end, "]");
  }
  return found;
}

/**
 * Where the first item behind the opening bracket begins.
 * @param {string} raw
 * @param {string} bracket
 */
function opened(raw, bracket) {
  const start = skipSpace(raw, 0);
  if (raw[start] !== bracket) throw new NotJson();
  return skipSpace(raw, start + 1);
}

/**
 * Where the item behind the one that ends at `end` begins, or the closing bracket stands.
 * @param {string} raw
 * @param {number} end
 * @param {string} closing
 */
function nextItem(raw, end, closing) {
  const position = skipSpace(raw, end);
  if (raw[position] === ",") return skipSpace(raw, position + 1);
  if (raw[position] !== closing) throw new NotJson();
  return position;
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
