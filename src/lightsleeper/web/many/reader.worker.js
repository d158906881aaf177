/** Reads a file away from the page: what it is first, then its rows in batches that the page takes in a few milliseconds. */

import { openTable } from "./reading/table.js";

const MAX_ROWS = 100_000;
const BATCH_ROWS = 500;

onmessage = async ({ data: { file, choices } }) => {
  try {
    await read(file, choices);
  } catch (error) {
    postMessage({ type: "error", message: error instanceof Error ? error.message : String(error) });
  }
};

/**
 * @param {File} file
 * @param {import("./reading/table.js").Choices} choices
 */
async function read(file, choices) {
  const { batches, ...facts } = await openTable(file, choices);
  postMessage({ type: "start", facts });
  let left = MAX_ROWS;
  let cut = false;
  for await (const rows of batches()) {
    cut = rows.length > left;
    for (let start = 0; start < Math.min(rows.length, left); start += BATCH_ROWS) {
      postMessage({ type: "rows", rows: rows.slice(start, Math.min(start + BATCH_ROWS, left)) });
    }
    left -= Math.min(left, rows.length);
    if (cut) break;
  }
  postMessage({ type: "done", names: facts.names, cut });
}
