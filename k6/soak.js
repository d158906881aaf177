// For half an hour: does it slow down, does it grow? The last third is judged against the first: latency by each
// virtual user's own early median, memory by what run.py reads from the process.

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

// Remembers `value` in the first third; afterwards, its ratio to what was remembered.
function against(remembered, value, trend) {
  if (third() === 'first') remembered.push(value);
  else if (remembered.length) trend.add(value / median(remembered), { third: third() });
}

export default function () {
  const answer = classify(text(FRESH + exec.scenario.iterationInTest));
  against(early.latency, answer.timings.duration, drift);
}

export function watchMemory() {
  const { memory_mib: now } = control('memory');
  memory.add(now);
  against(early.memory, now, growth);
}

export const handleSummary = report('soak', 'Half an hour: does it slow down or grow?', `${soak.rate} new texts/s`);
