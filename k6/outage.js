// Redis is killed and comes back: does anybody notice? The service runs without its in-process cache here (run.py sees
// to that), so that every hit is Redis's own and a missing Redis cannot hide.

import exec from 'k6/execution';
import { classify, control, reachable } from './lib/client.js';
import { text, texts, uniform } from './lib/corpus.js';
import { delivered, elapsedMs, plan, report } from './lib/report.js';
import { outage } from './lib/settings.js';

const event = { executor: 'per-vu-iterations', vus: 1, iterations: 1 };

export const options = plan({
  lasts_s: outage.duration_s,
  scenarios: {
    traffic: {
      executor: 'constant-arrival-rate', rate: outage.rate, duration: `${outage.duration_s}s`,
      preAllocatedVUs: outage.vus,
    },
    kill: { ...event, startTime: `${outage.kill_s}s`, exec: 'kill' },
    restore: { ...event, startTime: `${outage.restore_s}s`, exec: 'restore' },
  },
  thresholds: {
    ...delivered,
    ...Object.fromEntries(['before', 'during', 'after'].map((name) => [`answers{phase:${name}}`, ['count>0']])),
    'cache_hit{phase:before}': [`rate>${outage.hit_rate}`],
    'cache_hit{phase:during}': ['rate==0'],
    'cache_hit{phase:after}': [`rate>${outage.hit_rate}`],
    'latency_ms{phase:during}': [`p(99)<${outage.p99_ms}`],
  },
});

export const setup = () => reachable(texts(0, outage.hot_texts));

// The seconds after an event, until everybody has noticed, belong to no phase.
function phase(at_s) {
  if (at_s < outage.kill_s) return 'before';
  if (at_s > outage.kill_s + outage.killed_s && at_s < outage.restore_s) return 'during';
  return at_s > outage.restore_s + outage.restored_s ? 'after' : 'between';
}

export default function () {
  const n = exec.scenario.iterationInTest;
  const now = phase(elapsedMs() / 1000);
  classify(text(Math.floor(uniform(n) * outage.hot_texts)), { phase: now });
}

export const kill = () => control('kill-redis');
export const restore = () => control('restore-redis');

export const handleSummary = report(
  'outage', 'Redis is killed and comes back: does anybody notice?', `${outage.rate} requests/s`,
);
