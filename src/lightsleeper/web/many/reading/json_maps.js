/** Objects in an object → rows: its keys may be those of rows or of columns. As `bulk/records/json_maps.py`. */

import { hasWordOf } from "./columns.js";
import { members, objectOf, skipSpace, written } from "./json_values.js";
import { OTHER_NAMES, TEXT_NAMES } from "./rules.js";

/** So many texts by key may be the columns of one row, where their keys do not say otherwise. */
const FEW = 3;

/** @typedef {[string, string]} Member name and value as it is written */

/**
 * Rows of objects that are alike: by column, as pandas writes (`{"text": {"0": …}}`), or by row; else null.
 * @param {Member[]} found
 */
export function rowsOfObjects(found) {
  const inner = new Map(found.map(([name, value]) => [name, new Map(members(value))]));
  const all = [...inner.values()];
  const keys = [...new Set(all.flatMap((each) => [...each.keys()]))];
  const ofRows = all.length > 1 || areDigits([...inner.keys()]);
  const alike = ofRows && all.every((each) => areAlike(each, all[0]));
  if (areDigits(keys) || (alike && areNames([...inner.keys()]) && !areNames(keys))) {
    const pairs = (/** @type {string} */ key) => [...inner].filter(([, each]) => each.has(key)).map(([name, each]) => /** @type {Member} */ ([name, each.get(key)]));
    return keyed("index", keys.map(written), keys.map((key) => objectOf(pairs(key))));
  }
  return alike ? byKey(found) : null;
}

/**
 * What stands at each key as a row, behind its key.
 * @param {Member[]} found
 */
export const byKey = (found) => keyed("key", found.map(([name]) => written(name)), found.map(([, value]) => value));

/**
 * A row for each text of an object that holds nothing else, by key, as pandas writes a series; null where its keys may
 * be the names of columns: those are few, or called text, id and the like.
 * @param {Member[]} found
 */
export function textsByKey(found) {
  const names = found.map(([name]) => name);
  if (!holdTexts(found) || !(areIds(names) || (names.length > FEW && !areNames(names)))) return null;
  return keyed(areDigits(names) ? "index" : "key", names.map(written), found.map(([, value]) => objectOf([["text", value]])));
}

/**
 * Whether an object that is read as one row may be several all the same.
 * @param {Member[]} found
 */
export const mayBeTextsByKey = (found) => found.length > 1 && holdTexts(found) && !areNames(found.map(([name]) => name));

/** @param {Member[]} found */
function holdTexts(found) {
  const strings = found.filter(([, value]) => value.startsWith('"')).length;
  return 2 * strings > found.length && found.every(([, value]) => value.startsWith('"') || value === "null");
}

/**
 * Whether keys are called as columns are: one of them text, id, stars or the like, and not all with a number.
 * @param {string[]} names
 */
const areNames = (names) => !areIds(names) && names.some((name) => hasWordOf(name, TEXT_NAMES) || hasWordOf(name, OTHER_NAMES));

/**
 * Whether keys differ in nothing but their numbers.
 * @param {string[]} names
 */
const areIds = (names) => names.length > 1 && new Set(names.map((name) => name.replace(/[0-9]+/g, "0"))).size === 1;

/** @param {string[]} names */
const areDigits = (names) => names.every((name) => /^[0-9]+$/.test(name));

/**
 * Whether two objects have more than half of their keys in common.
 * @param {Map<string, string>} one
 * @param {Map<string, string>} other
 */
export const areAlike = (one, other) => 2 * [...one.keys()].filter((key) => other.has(key)).length > Math.max(one.size, other.size);

/**
 * Every row with its key, as it is written, in front; unless they are only counted: 0, 1, 2, …
 * @param {string} name
 * @param {string[]} keys
 * @param {string[]} rows
 */
export function keyed(name, keys, rows) {
  if (keys.every((key, index) => key.replace(/^"+|"+$/g, "") === String(index))) return rows;
  const taken = new Set(rows.filter((row) => row.startsWith("{")).flatMap((row) => members(row).map(([each]) => each)));
  while (taken.has(name)) name += "_";
  return rows.map((row, index) => (row.startsWith("{") ? withFirst(name, keys[index] ?? "null", row) : row));
}

/**
 * @param {string} name
 * @param {string} key
 * @param {string} row
 */
function withFirst(name, key, row) {
  const rest = row.slice(skipSpace(row, 1));
  return objectOf([[name, key]]).slice(0, -1) + (rest === "}" ? rest : `, ${rest}`);
}
