/** How long to wait before asking again. */

const FIRST_MS = 400;
const LONGEST_MS = 15_000;

/**
 * Doubling from 0.4 s to 15 s, a random half of it so that many pages do not return together; never before the
 * service's own `Retry-After`.
 * @param {number} attempt 1 after the first failure
 * @param {number} [retryAfterS]
 */
export function delayMs(attempt, retryAfterS = 0) {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1));
  return Math.max(retryAfterS * 1000, longest * (0.5 + Math.random() / 2));
}

/**
 * Rejects with the signal's reason when it is aborted.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 */
export function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve(undefined);
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
