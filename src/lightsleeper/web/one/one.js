/** One text: asked about as soon as typing pauses, answered with bars, times and words. */

import { drawBars } from "../shared/bars.js";
import { announce, byId } from "../shared/dom.js";
import { clearExplanation, explain } from "./explanation.js";
import { APPLIES_FROM, headOf, shareOf } from "../shared/head.js";
import { countDown, delayMs, online, SHORTEST_COUNTDOWN_S, wait } from "../shared/patience.js";
import { problemOf } from "../shared/problems.js";
import { openKeyDialog } from "../shared/key.js";
import { mayBeAsleep, predict, ServiceError } from "../shared/service.js";
import { mountSnippets } from "./snippets.js";
import { drawTiming } from "./timing.js";
import { decimal, duration, grouped, isUnclear, milliseconds, percent, plural, toneOf } from "../shared/words.js";

const PAUSE_MS = 300;
/** An awake service answers well within this; longer means that it is waking, or that the network is slow. */
const SLOW_MS = 700;
const EXCERPT_CHARS = 120;
const UNFAMILIAR = "Little of this text was understood: it may be in a language that the model was not made for.";

let head = headOf({ labels: [] });
let asking = new AbortController();
/** What the problem shown advises, before a countdown. */
let problemAdvice = "";

/** Wire the panel. The returned functions tell it the model's labels, and show it a text. */
export function mountOne() {
  const input = byId("text");
  const drawSnippet = mountSnippets(() => currentRequest());
  const changed = () => {
    byId("text-size").textContent = plural(Array.from(input.value).length, "character");
    drawSnippet();
    restart();
  };
  input.addEventListener("input", changed);
  byId("explain").addEventListener("change", () => {
    byId("explanation").hidden = !byId("explain").checked;
    changed();
  });
  const showText = (/** @type {string} */ text) => {
    input.value = text;
    changed();
  };
  byId("clear").addEventListener("click", () => {
    showText("");
    input.focus();
  });
  for (const chip of document.querySelectorAll(".chip")) {
    chip.addEventListener("click", () => showText(chip.textContent ?? ""));
  }
  byId("problem-action").addEventListener("click", act);
  clearExplanation();
  showEmpty();
  changed(); // a reloaded page keeps its text
  return { showText, askAgain: changed, setModel };
}

/** @param {{task: string, labels: string[], score_range: [number, number] | null}} model */
function setModel(model) {
  const before = head.kind;
  head = headOf(model);
  if (byId("answer").dataset.state === "empty") showEmpty();
  else if (head.kind !== before) restart(); // what was shown was taken for another kind of answer
}

function currentRequest() {
  const text = byId("text").value || "A quiet film that stays with you.";
  return byId("explain").checked ? { text, explain: /** @type {true} */ (true) } : { text };
}

/** Drop what is under way and ask about the text as it is now, once typing pauses. */
async function restart() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const text = byId("text").value;
  if (!text.trim()) return showEmpty();
  setState("waiting");
  try {
    await wait(PAUSE_MS, signal);
    await ask(text, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/**
 * @param {string} text
 * @param {AbortSignal} signal
 */
async function ask(text, signal) {
  const since = performance.now();
  const slow = setTimeout(() => !signal.aborted && showSlow(), SLOW_MS);
  try {
    showAnswer(text, await predictPatiently(text, since, signal));
    if (byId("explain").checked) await explain(text, head, signal);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    showProblem(error);
  } finally {
    clearTimeout(slow);
  }
}

/**
 * The answer; failures that pass are shown and tried again, however long it takes.
 * @param {string} text
 * @param {number} since
 * @param {AbortSignal} signal
 */
async function predictPatiently(text, since, signal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await predict({ text, truncated_at: true }, { signal, since });
    } catch (error) {
      if (!(error instanceof ServiceError) || !error.passes) throw error;
      showProblem(error);
      if (error.status === 0 && !navigator.onLine) await online(signal);
      else await countDown(delayMs(attempt, error.retryAfterS), showCountdown, signal);
    }
  }
}

/** @param {string} state */
function setState(state) {
  byId("answer").dataset.state = state;
  byId("answer").setAttribute("aria-busy", String(["waiting", "waking", "slow"].includes(state)));
}

/**
 * @param {string} kicker
 * @param {string} verdict
 * @param {string} note
 */
function write(kicker, verdict, note) {
  byId("verdict-kicker").textContent = kicker;
  byId("verdict").textContent = verdict;
  byId("verdict-note").textContent = note;
}

function showEmpty() {
  setState("empty");
  write("Answer", "Waiting for a text", "It is classified as soon as you pause typing.");
  byId("problem-action").hidden = true;
  showWake(null);
  byId("cut").hidden = true;
  const names = head.kind === "number" ? ["Score"] : head.labels;
  drawBars(byId("bars"), names.map((name, index) => ({ name, share: 0, value: "–", tone: toneOf(name, index) })));
  drawTiming(null);
  clearExplanation();
}

function showSlow() {
  if (byId("answer").dataset.state !== "waiting") return;
  const asleep = mayBeAsleep();
  setState(asleep ? "waking" : "slow");
  if (asleep) write("One moment", "Waking the service …", "It sleeps while nobody asks, and wakes in about a second.");
  else write("One moment", "Waiting for the answer …", "It answered a moment ago: now it is busy, or the network is slow.");
}

/** @param {number} seconds until the next try */
function showCountdown(seconds) {
  if (seconds >= SHORTEST_COUNTDOWN_S) byId("verdict-note").textContent = `${problemAdvice} Next try in ${duration(seconds)}.`;
}

/**
 * @param {string} text
 * @param {import("../shared/service.js").Answer} answer
 */
function showAnswer(text, answer) {
  setState("done");
  const [scores] = answer.content.predictions;
  const best = scores[0];
  byId("problem-action").hidden = true;
  if (best.label === undefined || head.kind !== "one") return showOther(text, answer);
  const unclear = isUnclear(head.labels, best.score);
  const probable = unclear ? `${best.label} ${percent(best.score)}: neither side` : `${percent(best.score)} probable`;
  const unfamiliar = answer.content.unfamiliar ? ` ${UNFAMILIAR}` : "";
  const verdict = unclear ? "No clear sentiment" : best.label;
  write("Answer", verdict, probable + unfamiliar);
  byId("verdict").dataset.tone = unclear ? "neutral" : toneOf(best.label, head.labels.indexOf(best.label));
  drawBars(byId("bars"), scores.map(barOf));
  drawTiming(answer);
  showWake(answer.wokeMs);
  showCut(text, answer.content.truncated_at);
  announce(`${verdict}, ${probable}${unfamiliar}`);
}

/**
 * The answer of a model whose labels stand each for itself, or that answers with a number and names nothing.
 * @param {string} text
 * @param {import("../shared/service.js").Answer} answer
 */
function showOther(text, answer) {
  const { unfamiliar } = answer.content;
  /** @type {{label: string, score: number}[]} */
  const scores = answer.content.predictions[0];
  const many = head.kind === "many";
  const applying = many ? scores.filter(({ score }) => score >= APPLIES_FROM) : [];
  const number = decimal(scores[0].score);
  const verdict = many ? applying.map(({ label }) => label).join(", ") || "No label applies" : number;
  const between = head.range ? `${head.bounded ? "A score" : "A score; seen when the model was made"}: ${head.range.map(decimal).join(" to ")}.` : "A score.";
  const note = many ? `${applying.length} of ${scores.length} labels are ${percent(APPLIES_FROM)} probable or more.` : between;
  write("Answer", verdict, note + (unfamiliar ? ` ${UNFAMILIAR}` : ""));
  byId("verdict").dataset.tone = "neutral";
  const bar = { name: "Score", share: shareOf(head, scores[0].score), value: number, tone: "neutral" };
  drawBars(byId("bars"), many ? scores.map(barOf) : [bar]);
  drawTiming(answer);
  showWake(answer.wokeMs);
  showCut(text, answer.content.truncated_at);
  announce(`${verdict}. ${note}`);
}

/** @param {{label: string, score: number}} scored */
function barOf({ label, score }) {
  return { name: label, share: score, value: percent(score), tone: toneOf(label, head.labels.indexOf(label)) };
}

/** @param {number | null} wokeMs */
function showWake(wokeMs) {
  byId("wake-notice").textContent =
    wokeMs === null ? "" : `This answer woke the service, which took ${milliseconds(wokeMs)} from process start to ready.`;
}

/**
 * Where a long text was cut; positions are code points.
 * @param {string} text
 * @param {number[]} [truncatedAt]
 */
function showCut(text, truncatedAt) {
  byId("cut").hidden = !truncatedAt;
  if (!truncatedAt) return;
  const points = Array.from(text);
  const [at] = truncatedAt;
  byId("cut-note").textContent =
    `The answer is about the first ${grouped(at)} of ${grouped(points.length)} characters: the rest was not read.`;
  const unread = document.createElement("del");
  unread.textContent = points.slice(at, at + EXCERPT_CHARS).join("");
  byId("cut-excerpt").replaceChildren("… ", points.slice(Math.max(0, at - EXCERPT_CHARS), at).join(""), unread, " …");
}

/** @param {ServiceError} error */
function showProblem(error) {
  const { title, advice, action } = problemOf(error);
  setState("error");
  problemAdvice = advice;
  write("No answer", title, advice);
  const button = byId("problem-action");
  button.hidden = action === null;
  button.dataset.action = action ?? "";
  button.textContent = action === "key" ? "Enter a key" : "Try again now";
  showWake(null);
  announce(`${title}. ${advice}`);
}

function act() {
  if (byId("problem-action").dataset.action === "key") openKeyDialog();
  else restart();
}
