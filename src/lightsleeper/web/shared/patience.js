/** How long to wait before asking again. */

const FIRST_MS = 400;
const LONGEST_MS = 15_000;
/** Below this nobody reads a countdown. */
export const SHORTEST_COUNTDOWN_S = 2;

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

/**
 * Resolves when the browser is online, at once if it is; rejects with the signal's reason when it is aborted.
 * @param {AbortSignal} signal
 */
export function online(signal) {
  return new Promise((resolve, reject) => {
    if (navigator.onLine) return resolve(undefined);
    addEventListener("online", resolve, { once: true, signal });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/**
 * Wait, and tell every second how many are left.
 * @param {number} ms
 * @param {(seconds: number) => void} tick
 * @param {AbortSignal} signal
 */
export async function countDown(ms, tick, signal) {
  const end = performance.now() + ms;
  for (let left = ms; left > 0; left = end - performance.now()) {
    tick(Math.ceil(left / 1000));
    await wait(Math.min(left, 1000), signal);
  }
}
