/** The service over HTTP: one call, its answer with where the time went, its failures as `ServiceError`. */

const BASE = new URL("../../", import.meta.url);
export const PREDICT_URL = new URL("predict", BASE).href;
const KEY = "api-key";

/**
 * @typedef {object} Answer
 * @property {any} content the body
 * @property {Record<string, number>} timing Server-Timing, milliseconds by stage
 * @property {string} cache hit, miss or partial
 * @property {string} instance the process that answered
 * @property {number} elapsedMs from asking to having read the body
 * @property {number | null} wokeMs how long the service took to wake, if somebody waiting since `since` waited for it
 */

/** A request that was not answered as asked. */
export class ServiceError extends Error {
  /**
   * @param {{status?: number, code?: string, message?: string, field?: string, limit?: number, retryAfterS?: number,
   *   requestId?: string}} facts status 0: nothing answered at all
   */
  constructor({ status = 0, code = "unreachable", message = "", field = "", limit, retryAfterS, requestId = "" }) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
    this.limit = limit;
    this.retryAfterS = retryAfterS;
    this.requestId = requestId;
  }

  /** Whether the same request may succeed a little later. */
  get passes() {
    return [0, 429, 502, 503].includes(this.status) || (this.status === 504 && this.code !== "deadline_exceeded");
  }
}

/** A service that nobody asks stays awake at least this long: knative/base/service.yaml. */
const STAYS_AWAKE_MS = 60_000;
let answeredAtMs = -Infinity;

/** Whether the service may be asleep, since it did not answer lately. */
export const mayBeAsleep = () => performance.now() - answeredAtMs > STAYS_AWAKE_MS;

export const apiKey = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  /** @param {string} key an empty one forgets it */
  set: (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY)),
};

/**
 * Classify; throws ServiceError, or AbortError when `signal` is aborted.
 * @param {object} request the body of POST /predict
 * @param {{signal?: AbortSignal, since?: number}} [options] `since`: `performance.now()` when waiting began
 * @returns {Promise<Answer>}
 */
export async function predict(request, { signal, since = performance.now() } = {}) {
  const askedMs = performance.now();
  const response = await call("predict", {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization() },
    body: JSON.stringify(request),
    signal,
  });
  const content = await readJson(response);
  const answeredMs = performance.now();
  const timing = parseServerTiming(response.headers.get("server-timing") ?? "");
  return {
    content,
    timing,
    cache: response.headers.get("x-cache") ?? "miss",
    instance: response.headers.get("x-instance-id") ?? "",
    elapsedMs: answeredMs - askedMs,
    wokeMs: answeredMs - since > (timing.age ?? Infinity) ? timing.wake : null,
  };
}

/** What answers here: GET /model. */
export async function model() {
  return readJson(await call("model", { headers: authorization() }));
}

/**
 * `cache;dur=0.1, total;dur=3` → `{cache: 0.1, total: 3}`. The browser's own parser works over https only.
 * @param {string} header
 */
function parseServerTiming(header) {
  const entries = [...header.matchAll(/([\w-]+);dur=([\d.]+)/g)];
  return Object.fromEntries(entries.map(([, name, ms]) => [name, Number(ms)]));
}

/** @returns {Record<string, string>} */
function authorization() {
  // A header holds bytes, one per character; those of a key are UTF-8.
  const key = String.fromCharCode(...new TextEncoder().encode(apiKey.get()));
  return key ? { authorization: `Bearer ${key}` } : {};
}

/**
 * @param {string} path
 * @param {RequestInit} init
 */
async function call(path, init) {
  let response;
  try {
    response = await fetch(new URL(path, BASE), init);
  } catch (error) {
    throw init.signal?.aborted ? error : new ServiceError({});
  }
  if (!response.ok) throw await failure(response);
  answeredAtMs = performance.now();
  return response;
}

/** @param {Response} response */
async function readJson(response) {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ServiceError({}); // the connection broke, or a proxy answered with a page of its own
  }
}

/** @param {Response} response */
async function failure(response) {
  const body = await response.json().catch(() => null);
  const retryAfter = Number(response.headers.get("retry-after"));
  return new ServiceError({
    status: response.status,
    code: body?.error?.code ?? "no_json",
    message: body?.error?.message ?? "",
    field: body?.error?.field,
    limit: body?.error?.limit,
    retryAfterS: retryAfter > 0 ? retryAfter : undefined,
    requestId: response.headers.get("x-request-id") ?? "",
  });
}
