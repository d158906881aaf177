// How long does the first answer take when nothing is running? Each round waits until the service sleeps (run.py
// ends the process, or watches a cluster until no pod is left), then asks as a user would: without knowing.

import { classify, control } from './lib/client.js';
import { FRESH, text } from './lib/corpus.js';
import { plan, report } from './lib/report.js';
import { wake } from './lib/settings.js';

export const options = plan({
  lasts_s: wake.lasts_s,
  scenarios: {
    wake: { executor: 'per-vu-iterations', vus: 1, iterations: wake.sleeps, maxDuration: `${wake.timeout_s}s` },
  },
  thresholds: {
    'answers{start:cold}': [`count==${wake.sleeps}`],
    'answers{start:warm}': [`count==${wake.sleeps}`],
    'latency_ms{start:cold}': [`max<${wake.max_ms}`],
    'latency_ms{start:warm}': [`max<${wake.warm_max_ms}`],
  },
  // A connection kept open by the process that went to sleep would be what fails, not the waking.
  noConnectionReuse: true,
});

export default function () {
  control('sleep');
  classify(text(FRESH + __ITER * 2));
  classify(text(FRESH + __ITER * 2 + 1));
}

export const handleSummary = report('wake', 'Asleep → first answer: how long?', `${wake.sleeps} times`);
