/** Bytes → characters: which encoding, and what becomes of bytes that are not of it. As `bulk/records/encoding.py`. */

import { LEGACY_ENCODINGS } from "./rules.js";

/** @typedef {{name: string, markBytes: number, guessed: boolean}} Encoding */

/** @type {[number[], string][]} */
const MARKS = [
  [[0xff, 0xfe, 0, 0], "utf-32-le"],
  [[0, 0, 0xfe, 0xff], "utf-32-be"],
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];
/** Below this share of familiar characters an encoding is not what the file is written in. */
const LEAST_FAMILIAR = 0.2;
const LOW_BYTES = 9;
const LONGEST_LATIN_RUN = 3;
const LARGE_SCRIPT = 200;
const INSIDE_WORDS = "’–—…\u00a0";
const ESCAPED = /[\udc80-\udcff]/g;
/** Lone ones only: the second half of a pair is part of a character. */
const MAYBE_DAMAGE = /[\udc80-\udcff\ufffd]/;
const DAMAGE = /(?<![\ud800-\udbff])[\udc80-\udcff]|\ufffd/;
const WESTERN = new TextDecoder("windows-1252");

/**
 * The encoding that somebody asked for.
 * @param {string} name
 * @param {Uint8Array} sample
 * @returns {Encoding}
 */
export function named(name, sample) {
  const mark = markOf(sample);
  const label = name === "utf-16" && mark ? mark.name : name;
  const decoder = new TextDecoder(label);
  return { name: decoder.encoding, markBytes: mark?.name === decoder.encoding ? mark.bytes : 0, guessed: false };
}

/**
 * The encoding of a file that begins with `sample`.
 * @param {Uint8Array} sample
 * @returns {Encoding}
 */
export function detect(sample) {
  const mark = markOf(sample);
  if (mark?.name.startsWith("utf-32")) throw new Error("it is written in UTF-32; save it as UTF-8");
  if (mark) return { name: mark.name, markBytes: mark.bytes, guessed: false };
  const text = decoded(sample, "utf-8");
  let bad = 0;
  let good = 0;
  for (const char of text) {
    if (char > "\x7f") /[\udc80-\udcff]/.test(char) && char.length === 1 ? (bad += 1) : (good += 1);
  }
  // Every other byte of Latin, Greek, Cyrillic, Hebrew and Arabic in UTF-16.
  const low = sample.reduce((count, byte) => count + Number(byte < LOW_BYTES), 0);
  const wide = sample.includes(0) && (bad || low > sample.length / 5) ? utf16(sample) : null;
  if (wide) return { name: wide, markBytes: 0, guessed: true };
  // Text in another encoding looks like UTF-8 only by rare accident; a few bad bytes among good ones are damage.
  if (bad === 0 || good >= bad) return { name: "utf-8", markBytes: 0, guessed: false };
  return { name: legacy(sample), markBytes: 0, guessed: true };
}

/** @param {Uint8Array} sample */
function markOf(sample) {
  const found = MARKS.find(([mark]) => mark.every((byte, index) => sample[index] === byte));
  return found && { bytes: found[0].length, name: found[1] };
}

/** Takes bytes in pieces. A byte that is not UTF-8 becomes U+DC80 to U+DCFF, for `mended` to read. */
export class Decoder {
  #decoder;
  #isUtf8;
  #skip;
  #rest = new Uint8Array();

  /** @param {Encoding} encoding */
  constructor({ name, markBytes }) {
    this.#isUtf8 = name === "utf-8";
    this.#decoder = new TextDecoder(name, { ignoreBOM: true, fatal: this.#isUtf8 });
    this.#skip = markBytes;
  }

  /**
   * @param {Uint8Array} piece
   * @returns {string}
   */
  push(piece) {
    const bytes = piece.subarray(this.#skip);
    this.#skip = Math.max(0, this.#skip - piece.length);
    if (!this.#isUtf8) return this.#decoder.decode(bytes, { stream: true });
    const all = joined(this.#rest, bytes);
    const cut = all.length - unfinished(all);
    this.#rest = all.slice(cut);
    return this.#utf8(all.subarray(0, cut));
  }

  /** What the last piece left: a character that the end cuts. */
  end() {
    return this.#isUtf8 ? this.#utf8(this.#rest) : this.#decoder.decode();
  }

  /** @param {Uint8Array} bytes */
  #utf8(bytes) {
    try {
      return this.#decoder.decode(bytes);
    } catch {
      return escapedUtf8(bytes);
    }
  }
}

/** @param {string} text */
export const isDamaged = (text) => MAYBE_DAMAGE.test(text) && DAMAGE.test(text);

/**
 * `text` with every byte that is not UTF-8 read as windows-1252, which is where most of them come from.
 * @param {string} text
 */
export function mended(text) {
  return text.replace(/(?<![\ud800-\udbff])[\udc80-\udcff]/g, (escape) => {
    return WESTERN.decode(Uint8Array.of(escape.charCodeAt(0) - 0xdc00));
  });
}

/**
 * @param {Uint8Array} first
 * @param {Uint8Array} second
 */
export function joined(first, second) {
  if (!first.length) return second;
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/**
 * How many bytes at the end begin a character that is not complete.
 * @param {Uint8Array} bytes
 */
function unfinished(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return sequenceLength(byte) > back ? back : 0;
  }
  return 0;
}

/** @param {number} lead */
const sequenceLength = (lead) => (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2);

/**
 * UTF-8 byte by byte, for pieces with bytes that are not.
 * @param {Uint8Array} bytes
 */
function escapedUtf8(bytes) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
  const parts = [];
  let plain = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] < 0x80 ? 1 : validLength(bytes, at, decoder);
    if (length) {
      at += length;
      continue;
    }
    parts.push(decoder.decode(bytes.subarray(plain, at)), String.fromCharCode(0xdc00 + bytes[at]));
    at += 1;
    plain = at;
  }
  parts.push(decoder.decode(bytes.subarray(plain)));
  return parts.join("");
}

/**
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {TextDecoder} decoder
 */
function validLength(bytes, at, decoder) {
  if (bytes[at] < 0xc2 || bytes[at] > 0xf4) return 0;
  const length = sequenceLength(bytes[at]);
  try {
    decoder.decode(bytes.subarray(at, at + length));
    return length;
  } catch {
    return 0;
  }
}

/**
 * All of `sample` but a character that its end cuts.
 * @param {Uint8Array} sample
 * @param {string} name
 */
function decoded(sample, name) {
  return new Decoder({ name, markBytes: 0, guessed: false }).push(sample);
}

/**
 * Which half of the pairs is zero tells the order, if all of it then reads as text.
 * @param {Uint8Array} sample
 */
function utf16(sample) {
  const pairs = sample.subarray(0, sample.length - (sample.length % 2));
  const [little, big] = ["utf-16le", "utf-16be"].map((name) => decoded(pairs, name));
  const plain = (/** @type {string} */ text) => text.replace(/[^\0-\x7f]+/g, "").length;
  const text = plain(little) >= plain(big) ? little : big;
  if (!plain(text) || /[\0\ufffd]/.test(text)) return null;
  return text === little ? "utf-16le" : "utf-16be";
}

/** @param {Uint8Array} sample */
function legacy(sample) {
  let best = "windows-1252";
  let most = LEAST_FAMILIAR;
  for (const [name, home] of Object.entries(LEGACY_ENCODINGS)) {
    const share = familiar(decoded(sample, name), home);
    if (share > most) [best, most] = [name, share];
  }
  return best;
}

/**
 * Share of the characters beyond ASCII that are of `home` and stand where such characters stand.
 *
 * A letter of a Latin script stands among ASCII's letters, one of any other does not; a capital does not follow a
 * small letter; and of scripts with thousands of characters the common ones make up two fifths of a text.
 * @param {string} text
 * @param {string} home
 */
function familiar(text, home) {
  const letters = new Set(home);
  const latin = letters.has("é") || letters.has("ç");
  let beyond = 0;
  let good = 0;
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
      if (letters.has(char) && !(isCapital(char) && isSmall(earlier))) good += 1;
    });
  }
  const common = letters.size < LARGE_SCRIPT ? 1 : 0.4;
  return beyond ? Math.min(1, good / beyond / common) : 0;
}

/** @param {string} char */
const isLetter = (char) => /\p{L}/u.test(char);
/** @param {string} char */
const isCapital = (char) => /\p{Lu}/u.test(char);
/** @param {string} char */
const isSmall = (char) => /\p{Ll}/u.test(char);
