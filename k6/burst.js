// From nothing to hundreds of requests per second within seconds, and back: is every one answered? Where run.py can put
// the service to sleep, the burst is what wakes it.

import exec from 'k6/execution';
import { classify, control, reachable } from './lib/client.js';
import { zipf } from './lib/corpus.js';
import { delivered, plan, report } from './lib/report.js';
import { CONTROL_URL, burst } from './lib/settings.js';

export const options = plan({
  lasts_s: burst.rise_s + burst.hold_s + burst.fall_s,
  scenarios: {
    burst: {
      executor: 'ramping-arrival-rate', startRate: 0, preAllocatedVUs: burst.vus, gracefulStop: `${burst.grace_s}s`,
      stages: [
        { target: burst.peak, duration: `${burst.rise_s}s` },
        { target: burst.peak, duration: `${burst.hold_s}s` },
        { target: 0, duration: `${burst.fall_s}s` },
      ],
    },
  },
  thresholds: {
    ...delivered,
    latency_ms: [`p(99)<${burst.p99_ms}`],
    ...(CONTROL_URL && { 'answers{start:cold}': ['count>0'] }),
  },
});

export function setup() {
  reachable();
  if (CONTROL_URL) control('sleep');
}

const stream = zipf(burst.zipf);

export default function () {
  classify(stream(exec.scenario.iterationInTest));
}

export const handleSummary = report(
  'burst', 'From sleep to a burst and back, in seconds: is all answered?', `0 → ${burst.peak} → 0 requests/s`,
);
