// For half an hour: does it slow down, does it grow? The last third is judged against an earlier one: latency against
// the first, by each virtual user's own median; memory, which run.py reads from the process, against the second, because
// in the first it still grows to what its largest batches need (from 119 to 220 MiB, then by 0.4 % in 20 minutes).

import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { classify, control, reachable } from './lib/client.js';
import { FRESH, text } from './lib/corpus.js';
import { delivered, elapsedMs, plan, report } from './lib/report.js';
import { soak } from './lib/settings.js';

const drift = new Trend('latency_drift_ratio');
const growth = new Trend('memory_growth_ratio');
const memory = new Trend('memory_mib');

const load = { executor: 'constant-arrival-rate', duration: `${soak.duration_s}s` };

export const options = plan({
  lasts_s: soak.duration_s,
  scenarios: {
    traffic: { ...load, rate: soak.rate, preAllocatedVUs: soak.vus },
    memory: { ...load, rate: 1, timeUnit: `${soak.memory_every_s}s`, preAllocatedVUs: 1, exec: 'watchMemory' },
  },
  thresholds: {
    ...delivered,
    latency_ms: [`p(99)<${soak.p99_ms}`],
    'latency_drift_ratio{third:last}': ['min>0', `med<${soak.latency_drift}`],
    'memory_growth_ratio{third:last}': ['min>0', `max<${soak.memory_growth}`],
  },
});

export const setup = () => reachable();

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const third = () => ['first', 'middle', 'last'][
  Math.min(2, Math.floor((3 * elapsedMs()) / (soak.duration_s * 1000)))];

const early = { latency: [], memory: [] };

// Remembers `value` in the `earlier` third; afterwards, its ratio to what was remembered.
function against(earlier, remembered, value, trend) {
  if (third() === earlier) remembered.push(value);
  else if (remembered.length) trend.add(value / median(remembered), { third: third() });
}

export default function () {
  const answer = classify(text(FRESH + exec.scenario.iterationInTest));
  against('first', early.latency, answer.timings.duration, drift);
}

export function watchMemory() {
  const { memory_mib: now } = control('memory');
  memory.add(now);
  against('middle', early.memory, now, growth);
}

export const handleSummary = report('soak', 'Half an hour: does it slow down or grow?', `${soak.rate} new texts/s`);
