/** What the card of a run says: the result first, how far it is, why it waits. */

import { byId } from "../shared/dom.js";
import { NONE } from "../shared/head.js";
import { SHORTEST_COUNTDOWN_S } from "../shared/patience.js";
import { decimal, duration, grouped, plural, wholePercent } from "../shared/words.js";

/**
 * @typedef {import("./job.js").Job} Job
 * @typedef {import("./results.js").Results} Results
 */

/**
 * @param {Job} job
 * @param {Results} results
 * @param {{ms: number, done: number}[]} history of the last seconds
 */
export function drawProgress(job, results, history) {
  const active = job.state === "running" || job.state === "paused";
  byId("run").dataset.state = job.state;
  byId("progress").value = (results.count - results.left) / results.count;
  byId("headline").textContent = headlineOf(results, active);
  byId("run-title").textContent = titleOf(job, results);
  byId("run-rate").textContent = active ? rateOf(results, history) : "";
  byId("run-note").textContent = noteOf(job, results);
}

/**
 * "60 % negative of 210, 12 unclear"; of other labels the most frequent; of numbers their mean.
 * @param {Results} results
 * @param {boolean} active
 */
function headlineOf(results, active) {
  const { labels, byLabel, done, unclear, watched, watchedName } = results;
  if (!done) return active ? "No answer yet" : "No answer";
  const soFar = active ? " so far" : "";
  if (results.head.kind === "number") return `${plural(done, "row")}${soFar}, mean score ${decimal(results.scoreSum / done)}`;
  const none = byLabel[labels.indexOf(NONE)] ?? 0;
  const doubts = unclear ? `, ${grouped(unclear)} unclear` : none ? `, ${grouped(none)} without a label` : "";
  return `${wholePercent(byLabel[watched] / done)} ${watchedName} of ${grouped(done)}${soFar}${doubts}`;
}

/**
 * @param {Job} job
 * @param {Results} results
 */
function titleOf(job, results) {
  const done = `${grouped(results.done)} of ${plural(results.count, "row")}`;
  if (job.state === "done") return results.failed ? `Done, with ${plural(results.failed, "row")} left out` : `Done: ${done}`;
  return { running: done, paused: `Paused at ${done}`, cancelled: `Stopped at ${done}` }[job.state];
}

/**
 * @param {Results} results
 * @param {{ms: number, done: number}[]} history
 */
function rateOf(results, history) {
  const first = history[0];
  const last = history.at(-1);
  if (!first || !last || last.ms - first.ms < 300 || last.done === first.done) return "";
  const perSecond = ((last.done - first.done) * 1000) / (last.ms - first.ms);
  return `${grouped(Math.round(perSecond))} rows/s · ${duration(results.left / perSecond)} left`;
}

/**
 * @param {Job} job
 * @param {Results} results
 */
function noteOf(job, results) {
  const { waitingFor, retryInS } = job;
  if (waitingFor) return `${waitingFor.title}. ${retryInS >= SHORTEST_COUNTDOWN_S ? `Next try in ${duration(retryInS)}.` : waitingFor.advice}`;
  if (job.state === "cancelled") return "What came in is kept. Classify goes on with the rest.";
  const restarts = job.instances.size - 1;
  if (restarts > 0) return "The service was restarted meanwhile; nothing is lost.";
  if (job.state === "done") return `${doubtsOf(results)}The download has all the columns that came with the rows.`;
  return "Results appear below while they come in.";
}

/**
 * Of how many rows the model understood little.
 * @param {Results} results
 */
function doubtsOf({ unfamiliar }) {
  const count = unfamiliar.reduce((sum, one) => sum + one, 0);
  return count ? `Little was understood of ${plural(count, "row")}. ` : "";
}
