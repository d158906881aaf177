/** The API key: typed into a dialog, kept for this tab. */

import { byId } from "./dom.js";
import { apiKey } from "./service.js";

/** @param {() => void} changed called after a key was entered or removed */
export function mountKey(changed) {
  const keep = (/** @type {string} */ key) => {
    apiKey.set(key);
    byId("key").value = "";
    byId("key-dialog").close();
    draw();
    changed();
  };
  byId("key-open").addEventListener("click", openKeyDialog);
  byId("key-close").addEventListener("click", () => byId("key-dialog").close());
  byId("key-remove").addEventListener("click", () => keep(""));
  byId("key-form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    keep(byId("key").value.trim());
  });
  draw();
}

export function openKeyDialog() {
  byId("key-dialog").showModal();
}

function draw() {
  byId("key-open").textContent = apiKey.get() ? "API key: set" : "API key";
}
