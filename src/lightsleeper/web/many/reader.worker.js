/** Reads a file away from the page: decode, parse, post rows in batches that the page takes in a few milliseconds. */

import { kindOf, parserOf } from "./parse.js";

const MAX_ROWS = 100_000;
const BATCH_ROWS = 500;

/** Thrown to stop reading once `MAX_ROWS` are in. */
class Full extends Error {}

onmessage = async ({ data: file }) => {
  try {
    await read(file, await encodingOf(file));
  } catch (error) {
    postMessage({ type: "error", message: error instanceof Error ? error.message : String(error) });
  }
};

/**
 * @param {File} file
 * @param {string} encoding
 */
async function read(file, encoding) {
  const start = new TextDecoder(encoding).decode(await file.slice(0, 1000).arrayBuffer());
  const kind = kindOf(file.name, start);
  const batch = batches();
  const parser = parserOf(kind, batch.add, (columns) => postMessage({ type: "columns", columns }));
  postMessage({ type: "start", kind, encoding });
  let full = false;
  try {
    await eachPiece(file, encoding, parser.push);
    parser.end();
  } catch (error) {
    if (!(error instanceof Full)) throw error;
    full = true;
  }
  batch.flush();
  postMessage({ type: "done", full });
}

/**
 * @param {File} file
 * @param {string} encoding
 * @param {(piece: string) => void} push
 */
async function eachPiece(file, encoding, push) {
  const reader = file.stream().pipeThrough(new TextDecoderStream(encoding)).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    push(value);
  }
}

/**
 * UTF-8 unless a byte order mark or a byte that UTF-8 cannot hold says otherwise: spreadsheets still write
 * windows-1252 and UTF-16.
 * @param {File} file
 */
async function encodingOf(file) {
  const mark = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (mark[0] === 0xff && mark[1] === 0xfe) return "utf-16le";
  if (mark[0] === 0xfe && mark[1] === 0xff) return "utf-16be";
  const reader = file.stream().pipeThrough(new TextDecoderStream("utf-8", { fatal: true })).getReader();
  try {
    while (!(await reader.read()).done);
    return "utf-8";
  } catch {
    return "windows-1252";
  }
}

function batches() {
  let total = 0;
  /** @type {{cells: string[], raw?: string, problem?: string}[]} */
  let rows = [];
  const flush = () => {
    if (rows.length) postMessage({ type: "rows", rows });
    rows = [];
  };
  return {
    flush,
    add(/** @type {string[]} */ cells, /** @type {string} */ raw, /** @type {string} */ problem) {
      // One more than the limit: the first row may turn out to be the header.
      if (total > MAX_ROWS) throw new Full();
      total += 1;
      rows.push({ cells, raw, problem });
      if (rows.length === BATCH_ROWS) flush();
    },
  };
}
