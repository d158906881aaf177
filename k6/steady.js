// At a constant rate of new texts, is the latency what was promised?

import exec from 'k6/execution';
import { classify, reachable } from './lib/client.js';
import { FRESH, text } from './lib/corpus.js';
import { delivered, plan, report } from './lib/report.js';
import { steady } from './lib/settings.js';

export const options = plan({
  lasts_s: steady.duration_s,
  scenarios: {
    steady: {
      executor: 'constant-arrival-rate', rate: steady.rate, duration: `${steady.duration_s}s`,
      preAllocatedVUs: steady.vus,
    },
  },
  thresholds: {
    ...delivered,
    'latency_ms{start:warm}': [`p(95)<${steady.p95_ms}`, `p(99)<${steady.p99_ms}`],
  },
});

export const setup = () => reachable();

export default function () {
  classify(text(FRESH + exec.scenario.iterationInTest));
}

export const handleSummary = report(
  'steady', 'At a constant rate of new texts, does the latency hold?', `${steady.rate} new texts/s`,
);
