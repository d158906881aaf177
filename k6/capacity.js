// How many new texts a second does the service compute when it has nothing else to do? Not a verdict: the measure
// that the other scripts' rates are shares of. Closed model on purpose: it saturates without overflowing.

import exec from 'k6/execution';
import { classify, reachable } from './lib/client.js';
import { FRESH, text } from './lib/corpus.js';
import { plan, report } from './lib/report.js';
import { capacity } from './lib/settings.js';

export const options = plan({
  lasts_s: capacity.duration_s,
  scenarios: {
    saturate: { executor: 'constant-vus', vus: capacity.vus, duration: `${capacity.duration_s}s`, gracefulStop: '30s' },
  },
});

export const setup = () => reachable();

export default function () {
  classify(text(FRESH * 10 + exec.scenario.iterationInTest));
}

export const handleSummary = report('capacity', 'How many new texts per second, saturated?');
