/** Where the time of one answer went: the stages the service reports, and what the way to it took. */

import { byId, el } from "../shared/dom.js";
import { milliseconds } from "../shared/words.js";

const STAGES = ["Waking", "Network", "Tokenise", "Cache", "Queue", "Inference", "Rest"];

/**
 * Milliseconds by stage; they add up to what the browser waited.
 * @param {import("../shared/service.js").Answer} answer
 */
function stagesOf({ timing, elapsedMs, wokeMs }) {
  const inService = timing.total ?? 0;
  const outside = Math.max(0, elapsedMs - inService);
  const waking = Math.min(wokeMs ?? 0, outside);
  const { tokenize = 0, cache = 0, queue = 0, inference = 0 } = timing;
  const rest = Math.max(0, inService - tokenize - cache - queue - inference);
  return [waking, outside - waking, tokenize, cache, queue, inference, rest];
}

/** @param {import("../shared/service.js").Answer | null} answer null: nothing measured yet */
export function drawTiming(answer) {
  const strip = byId("strip");
  const legend = byId("legend");
  if (!legend.children.length) build(strip, legend);
  const stages = answer ? stagesOf(answer) : STAGES.map(() => 0);
  stages.forEach((ms, index) => {
    strip.children[index].style.flexGrow = ms;
    legend.children[index].lastElementChild.textContent = answer && ms ? milliseconds(ms) : "–";
  });
  legend.lastElementChild.lastElementChild.textContent = answer ? milliseconds(answer.elapsedMs) : "–";
  drawBadge(answer);
}

/** @param {import("../shared/service.js").Answer | null} answer */
function drawBadge(answer) {
  const badge = byId("cache-badge");
  badge.hidden = !answer;
  badge.dataset.cache = answer?.cache ?? "";
  badge.textContent = answer?.cache === "hit" ? "Cache hit" : "Computed";
}

/**
 * @param {HTMLElement} strip
 * @param {HTMLElement} legend
 */
function build(strip, legend) {
  for (const [index, name] of [...STAGES, "In all"].entries()) {
    if (name !== "In all") strip.append(el("span", { "data-stage": String(index) }));
    const dot = el("span", { class: "dot", "data-stage": String(index), "aria-hidden": "true" });
    legend.append(el("li", {}, dot, el("span", { class: "muted" }, name), el("span", { class: "numbers" }, "–")));
  }
}
