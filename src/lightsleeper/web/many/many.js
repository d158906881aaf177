/** Many texts: wires where they come from, the run over them, and what is made of the results. */

import { byId } from "../shared/dom.js";
import { openKeyDialog } from "../shared/key.js";
import { asked } from "../shared/question.js";
import { Review } from "./review.js";
import { Run } from "./run.js";
import { Source } from "./source.js";
import { plural } from "../shared/words.js";

/** @param {{openText: (text: string) => void}} page */
export function mountMany({ openText }) {
  const run = new Run(new Review(openText));
  new Source({ onChange: (dataset) => run.setDataset(dataset), mayReplace: () => mayReplace(run) });
  byId("start").addEventListener("click", () => run.start());
  byId("pause").addEventListener("click", () => run.togglePause());
  byId("cancel").addEventListener("click", () => run.cancel());
  byId("run-action").addEventListener("click", () => (run.needsKey ? openKeyDialog() : run.start()));
  for (const format of /** @type {const} */ (["csv", "excel", "jsonl"])) {
    byId(`download-${format}`).addEventListener("click", () => run.download(format, byId("only-shown").checked));
  }
  addEventListener("beforeunload", (event) => {
    if (run.active || run.unsaved) event.preventDefault();
  });
  return {
    /** @param {any} model */
    setModel: (model) => run.setModel(model),
    goOn: () => run.needsKey && run.job?.resume(),
  };
}

/**
 * Results go with the file, its column and how it is read: whoever has some is asked.
 * @param {Run} run
 */
async function mayReplace(run) {
  const done = run.results?.done ?? 0;
  if (!done) return true;
  const saved = run.unsaved ? " The results were not downloaded." : "";
  return asked({ title: "Throw the results away?", text: `This takes away ${plural(done, "answer")}.${saved}`, yes: "Throw them away" });
}
