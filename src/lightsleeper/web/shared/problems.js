/** Failures in plain words: what happened, and what to do. */

import { apiKey } from "./service.js";
import { grouped } from "./words.js";

/**
 * @typedef {object} Problem
 * @property {string} title what happened
 * @property {string} advice what to do
 * @property {"key" | "retry" | null} action what a button may offer
 */

/** @type {Record<string, (error: import("./service.js").ServiceError) => Problem>} */
const BY_CODE = {
  text_too_long: (error) => say("Too long", `A text may have ${limit(error)} characters. Shorten it, or split it.`),
  explain_too_long: () => say("Too long to explain", "It takes too many comparisons, word by word. Shorten the text."),
  too_many_words: (error) => say("Too long to explain", `Words are compared one by one, up to ${limit(error)} of them. Shorten the text.`),
  too_many_texts: (error) => say("Too many texts at once", `One request takes ${limit(error)}.`),
  empty_text: () => say("Nothing to read", "This text is blank, or holds no sign that the model reads."),
  body_too_large: (error) => say("Too large", `One request may have ${limit(error)} bytes. Send less at once.`),
  deadline_exceeded: (error) => retry("Took too long", `There was no answer within ${limit(error)} s. Try again, or send a shorter text.`),
  shutting_down: () => retry("The service is restarting", "This is tried again by itself in a moment."),
  overloaded: () => retry("The service is busy", "Its queue is full. This is tried again by itself in a moment."),
};

/** @type {Record<number, (error: import("./service.js").ServiceError) => Problem>} */
const BY_STATUS = {
  0: () =>
    navigator.onLine
      ? retry("The service cannot be reached", "It may be asleep or restarting. This is tried again by itself.")
      : retry("You are offline", "Your text is safe here. Reconnect, and this goes on by itself."),
  401: () =>
    apiKey.get()
      ? { title: "This key is not accepted", advice: "Check it, or enter another API key.", action: "key" }
      : { title: "This service wants a key", advice: "Enter your API key to go on.", action: "key" },
  403: () => ({ title: "This key may not do that", advice: "Enter another API key.", action: "key" }),
  404: () => say("Nothing answers at this address", "Check the address of this page: it should end in a slash."),
  413: () => say("Too large", "Send less at once."),
  429: () => retry("Rate limited", "Too many requests for now. This is tried again by itself."),
  502: () => retry("The service is asleep or starting", "This is tried again by itself in a moment."),
  503: () => retry("The service is asleep or starting", "This is tried again by itself in a moment."),
  504: () => retry("The service did not answer in time", "It may be starting. This is tried again by itself."),
};

/**
 * @param {import("./service.js").ServiceError} error
 * @returns {Problem}
 */
export function problemOf(error) {
  const known = BY_CODE[error.code] ?? BY_STATUS[error.status];
  if (known) return known(error);
  if (error.status >= 500) return retry("Something broke inside the service", `Try again${reference(error)}.`);
  return say("The service refused this text", error.message || `It answered with status ${error.status}.`);
}

/** @type {(title: string, advice: string) => Problem} */
const say = (title, advice) => ({ title, advice, action: null });

/** @type {(title: string, advice: string) => Problem} */
const retry = (title, advice) => ({ title, advice, action: "retry" });

/** @param {import("./service.js").ServiceError} error */
const limit = (error) => (error.limit === undefined ? "a limited number of" : grouped(error.limit));

/** @param {import("./service.js").ServiceError} error */
const reference = (error) => (error.requestId ? `; if it stays, report request ${error.requestId}` : "");
