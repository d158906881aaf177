/** The bytes of a file in pieces: its beginning, what that does not show, and the characters of all of it. */

import { Decoder, joined } from "./encoding.js";
import { WINDOW_BYTES } from "./rules.js";

/** @typedef {{pieces: () => AsyncGenerator<[string, boolean]>, text: string, whole: boolean, name: string}} Source */

/** @param {ReadableStream<Uint8Array>} stream */
export async function startOf(stream) {
  const reader = stream.getReader();
  /** @type {Uint8Array} */
  let start = new Uint8Array();
  while (start.length < WINDOW_BYTES) {
    const { done, value } = await reader.read();
    if (done) break;
    start = joined(start, value);
  }
  await reader.cancel();
  return start.subarray(0, WINDOW_BYTES);
}

/** @param {Uint8Array} bytes */
export const isAscii = (bytes) => firstBeyondAscii(bytes) === -1;

/**
 * Four bytes at a time: it is asked of every byte of most files.
 * @param {Uint8Array} bytes
 */
function firstBeyondAscii(bytes) {
  const fours = bytes.byteOffset % 4 ? new Uint32Array() : new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let index = 0;
  while (index < fours.length && !(fours[index] & 0x80808080)) index += 1;
  for (index *= 4; index < bytes.length; index += 1) if (bytes[index] > 0x7f) return index;
  return -1;
}

/**
 * A piece of the file with characters beyond ASCII, if there is one: what the beginning does not show.
 * @param {ReadableStream<Uint8Array>} stream
 */
export async function beyondAscii(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array();
    const first = firstBeyondAscii(value);
    if (first === -1) continue;
    await reader.cancel();
    return value.subarray(Math.max(0, first - 1));
  }
}

/**
 * Every piece of the text; the last one, marked, may be empty.
 * @param {ReadableStream<Uint8Array>} stream
 * @param {import("./encoding.js").Encoding} encoding
 * @returns {AsyncGenerator<[string, boolean]>}
 */
export async function* characters(stream, encoding) {
  const decoder = new Decoder(encoding);
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield [decoder.push(value), false];
    }
    yield [decoder.end(), true];
  } finally {
    await reader.cancel();
  }
}

/**
 * The pieces without their first `count` characters.
 * @param {number} count
 * @param {AsyncGenerator<[string, boolean]>} pieces
 * @returns {AsyncGenerator<[string, boolean]>}
 */
export async function* without(count, pieces) {
  for await (const [piece, last] of pieces) {
    yield [piece.slice(count), last];
    count = Math.max(0, count - piece.length);
  }
}
