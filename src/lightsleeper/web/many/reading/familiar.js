/** Which encoding a file without a mark is written in: the one whose reading looks most like a text. */

import { FINAL_LETTERS, LEGACY_ENCODINGS, THAI_MARKS } from "./rules.js";

/** Below this share of familiar characters an encoding is not what the file is written in. */
const LEAST_FAMILIAR = 0.2;
const LONGEST_LATIN_RUN = 3;
const LARGE_SCRIPT = 200;
const INSIDE_WORDS = "’–—…\u00a0";

/**
 * The encoding without a mark that a text is most likely written in.
 * @param {(name: string) => string} read the text as it would be in one
 */
export function mostFamiliar(read) {
  let best = "windows-1252";
  let most = LEAST_FAMILIAR;
  for (const [name, home] of Object.entries(LEGACY_ENCODINGS)) {
    const share = familiar(read(name), home);
    if (share > most) [best, most] = [name, share];
  }
  return best;
}

/**
 * Share of the characters beyond ASCII that are of `home` and stand where such characters stand.
 *
 * A letter of a Latin script stands among ASCII's letters, one of any other does not; a capital does not follow a
 * small letter, nor any letter a final one; of scripts with thousands of characters the common ones make up two fifths of
 * a text, of Thai the vowels and marks a third.
 * @param {string} text
 * @param {string} home
 */
function familiar(text, home) {
  const letters = new Set(home);
  const latin = letters.has("é") || letters.has("ç");
  let beyond = 0;
  let good = 0;
  let vowels = 0;
  for (const match of text.matchAll(/[^\0-\x7f]+/g)) {
    const run = Array.from(match[0]);
    beyond += run.length;
    const before = text[match.index - 1] ?? " ";
    const after = text[match.index + match[0].length] ?? " ";
    if (latin ? run.length > LONGEST_LATIN_RUN : isLetter(before) || isLetter(after)) continue;
    const within = isLetter(before) && isLetter(after);
    if (within && !run.every(isLetter) && !INSIDE_WORDS.includes(match[0])) continue;
    run.forEach((char, index) => {
      const earlier = index ? run[index - 1] : before;
      if (!letters.has(char) || !mayFollow(char, earlier)) return;
      good += 1;
      vowels += Number(char >= "\u0e30" && char <= "\u0e4e");
    });
  }
  if (letters.has("ก")) good = Math.min(good, 3 * vowels);
  const common = letters.size < LARGE_SCRIPT ? 1 : 0.4;
  return beyond ? Math.min(1, good / beyond / common) : 0;
}

/** @param {string} char */
const isLetter = (char) => /\p{L}/u.test(char);
/** @param {string} char */
const isCapital = (char) => /\p{Lu}/u.test(char);
/** @param {string} char */
const isSmall = (char) => /\p{Ll}/u.test(char);

/**
 * @param {string} char
 * @param {string} earlier
 */
function mayFollow(char, earlier) {
  const isMark = THAI_MARKS.includes(char);
  if (FINAL_LETTERS.includes(earlier) || (isMark && !THAI_MARKS.includes(earlier) && !/[ก-ฮ]/.test(earlier))) return !isMark && !isLetter(char);
  return !(isCapital(char) && isSmall(earlier));
}
