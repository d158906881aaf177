/** Bytes → characters: which encoding, and what becomes of bytes that are not of it. As `bulk/records/encoding.py`. */

import { mostFamiliar } from "./familiar.js";
import { LEGACY_ENCODINGS } from "./rules.js";

/** @typedef {{name: string, markBytes: number, guessed: boolean, isMixed?: boolean}} Encoding mixed: what is not of it is windows-1252 */

/** @type {[number[], string][]} */
const MARKS = [
  [[0xff, 0xfe, 0, 0], "utf-32-le"],
  [[0, 0, 0xfe, 0xff], "utf-32-be"],
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];
const LOW_BYTES = 9;
const ESCAPED = /[\udc80-\udcff]/g;
/** Lone ones only: the second half of a pair is part of a character. */
const MAYBE_DAMAGE = /[\udc80-\udcff\ufffd]/;
/** Half surrogates as if each were a character, as Java and Oracle write emoji: CESU-8. */
const HALVES = /\udced[\udca0-\udcaf][\udc80-\udcbf]\udced[\udcb0-\udcbf][\udc80-\udcbf]/g;
const DAMAGE = /(?<![\ud800-\udbff])[\udc80-\udcff]|\ufffd/;
const WESTERN = new TextDecoder("windows-1252");
/**
 * What browsers do not read: DOS's code pages. Of 850 texts use what 437 has at the same places.
 * @type {Record<string, string>}
 */
const DOS = {
  ibm850:
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0",
  ibm852:
    "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u00ad˝˛ˇ˘§÷¸°¨˙űŘř■\u00a0",
  ibm862:
    "אבגדהוזחטיךכלםמןנסעףפץצקרשת¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0",
};

/**
 * The encoding that somebody asked for.
 * @param {string} name
 * @param {Uint8Array} sample
 * @returns {Encoding}
 */
export function named(name, sample) {
  const mark = markOf(sample);
  const label = name === "utf-16" && mark ? mark.name : name;
  const known = label in DOS ? label : new TextDecoder(label).encoding;
  return { name: known, markBytes: mark?.name === known ? mark.bytes : 0, guessed: false };
}

/**
 * Whether UTF-16's mark stands before a text that is not: in UTF-16 a line end has a zero byte.
 * @param {Uint8Array} sample
 */
const isUtf8 = (sample) => sample.includes(0x0a) && !sample.includes(0) && !/[\udc80-\udcff]/u.test(decoded(sample, "utf-8"));

/**
 * The encoding of a file that begins with `sample`.
 * @param {Uint8Array} sample
 * @returns {Encoding}
 */
export function detect(sample) {
  const mark = markOf(sample);
  if (mark?.name.startsWith("utf-32")) throw new Error("it is written in UTF-32; save it as UTF-8");
  const isFalse = Boolean(mark?.name.startsWith("utf-16") && isUtf8(sample.subarray(mark.bytes)));
  if (mark) return { name: isFalse ? "utf-8" : mark.name, markBytes: mark.bytes, guessed: isFalse };
  const text = decoded(sample, "utf-8");
  let bad = 0;
  let good = text.match(HALVES)?.length ?? 0;
  const different = new Set();
  for (const char of text.replace(HALVES, "")) {
    if (char <= "\x7f") continue;
    if (/[\udc80-\udcff]/.test(char) && char.length === 1) bad += 1;
    else {
      good += 1;
      different.add(char);
    }
  }
  // Every other byte of Latin, Greek, Cyrillic, Hebrew and Arabic in UTF-16.
  const low = sample.reduce((count, byte) => count + Number(byte < LOW_BYTES), 0);
  const wide = sample.includes(0) && (bad || low > sample.length / 5) ? utf16(sample) : null;
  if (wide) return { name: wide, markBytes: 0, guessed: true };
  // Text in another encoding looks like UTF-8 only by rare accident; a few bad bytes among good ones are damage.
  if (bad === 0 || good >= bad) return { name: "utf-8", markBytes: 0, guessed: false };
  const name = mostFamiliar((name) => decoded(sample, name));
  if (name === "windows-1252" && isMixed([...different])) return { name: "utf-8", markBytes: 0, guessed: true, isMixed: true };
  return { name, markBytes: 0, guessed: true };
}

/**
 * Whether what of a file is UTF-8 is none by accident: letters and signs of the West, or beyond two bytes.
 * @param {string[]} good
 */
const isMixed = (good) => good.length > 0 && good.every((char) => LEGACY_ENCODINGS["windows-1252"].includes(char) || char > "\u07ff");

/**
 * What to say of an encoding; nothing if it is no guess.
 * @param {Encoding} encoding
 */
export const noteOf = ({ name, guessed, isMixed }) => (guessed ? [`read as ${name}${isMixed ? " and windows-1252, mixed" : ""}, a guess`] : []);

/** @param {Uint8Array} sample */
function markOf(sample) {
  const found = MARKS.find(([mark]) => mark.every((byte, index) => sample[index] === byte));
  return found && { bytes: found[0].length, name: found[1] };
}

/** Takes bytes in pieces. A byte that is not UTF-8 becomes U+DC80 to U+DCFF, for `mended` to read. */
export class Decoder {
  #decoder;
  #table;
  #isUtf8;
  #skip;
  #rest = new Uint8Array();

  /** @param {Encoding} encoding */
  constructor({ name, markBytes }) {
    this.#isUtf8 = name === "utf-8";
    this.#table = DOS[name];
    this.#decoder = this.#table ? null : new TextDecoder(name, { ignoreBOM: true, fatal: this.#isUtf8 });
    this.#skip = markBytes;
  }

  /**
   * @param {Uint8Array} piece
   * @returns {string}
   */
  push(piece) {
    const bytes = piece.subarray(this.#skip);
    this.#skip = Math.max(0, this.#skip - piece.length);
    if (!this.#decoder) return Array.from(bytes, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : this.#table[byte - 0x80])).join("");
    if (!this.#isUtf8) return this.#decoder.decode(bytes, { stream: true });
    const all = joined(this.#rest, bytes);
    const cut = all.length - unfinished(all);
    this.#rest = all.slice(cut);
    return this.#utf8(all.subarray(0, cut));
  }

  /** What the last piece left: a character that the end cuts. */
  end() {
    return this.#isUtf8 ? this.#utf8(this.#rest) : (this.#decoder?.decode() ?? "");
  }

  /** @param {Uint8Array} bytes */
  #utf8(bytes) {
    try {
      return this.#decoder?.decode(bytes) ?? "";
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
  const whole = text.replace(HALVES, (halves) => {
    const [first, second] = [1, 4].map((index) => 0xd000 + ((halves.charCodeAt(index) & 0x3f) << 6) + (halves.charCodeAt(index + 1) & 0x3f));
    return String.fromCharCode(first, second);
  });
  return whole.replace(/(?<![\ud800-\udbff])[\udc80-\udcff]/g, (escape) => {
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
    if (byte >= 0xc0) return byte >= 0xc2 && byte <= 0xf4 && sequenceLength(byte) > back ? back : 0;
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
  // Its line ends are whole, where a lone zero byte makes other letters of all; a common one, 0x4e0a, holds half.
  const ends = sample.reduce((count, byte) => count + Number(byte === 0x0a || byte === 0x0d), 0);
  const whole = text.match(/[\r\n]/g)?.length ?? 0;
  if (!plain(text) || /[\0\ufffd]/.test(text) || 10 * whole < ends) return null;
  return text === little ? "utf-16le" : "utf-16be";
}
