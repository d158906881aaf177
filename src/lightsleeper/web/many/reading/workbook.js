/** The cells of an xlsx file: XML in a zip archive, of which a table needs three kinds of parts. */

/** @param {import("./containers.js").Content} _content @param {string} name @returns {Promise<{title: string, others: string[], rows: string[][]}>} */
export async function sheetRows(_content, name) {
  throw new Error(`${name} is xlsx`);
}
