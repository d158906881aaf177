// Do repeats hit, and only repeats? A sweep over hit ratios, then a stream as skewed as words are.

import exec from 'k6/execution';
import { classify, reachable } from './lib/client.js';
import { repeating, texts, zipf } from './lib/corpus.js';
import { delivered, plan, report } from './lib/report.js';
import { cache } from './lib/settings.js';

const requests = cache.rate * cache.duration_s;
const stream = zipf(cache.zipf);
const drawn = new Set(Array.from({ length: requests }, (_, n) => stream(n)));
const expected = { ...cache.ratios, zipf: 1 - drawn.size / requests };

const phases = Object.entries(expected).map(([name, ratio], position) => [name, ratio, position]);

export const options = plan({
  lasts_s: phases.length * cache.duration_s,
  scenarios: Object.fromEntries(phases.map(([name, ratio, position]) => [name, {
    executor: 'constant-arrival-rate', rate: cache.rate, duration: `${cache.duration_s}s`,
    startTime: `${position * cache.duration_s}s`, preAllocatedVUs: cache.vus,
    env: { PHASE: name, RATIO: String(ratio), FIRST: String(position * requests) },
  }])),
  thresholds: {
    ...delivered,
    ...Object.fromEntries(phases.map(([name, ratio]) => [`cache_hit{scenario:${name}}`, ratio
      ? [`rate>${(ratio - cache.tolerance).toFixed(3)}`, `rate<${(ratio + cache.tolerance).toFixed(3)}`]
      : ['rate==0']])),
    ...Object.fromEntries(phases.map(([name]) => [`answers{scenario:${name}}`, ['count>0']])),
    'latency_ms{cache:hit}': [`p(95)<${cache.hit_p95_ms}`],
  },
});

// The hot texts are asked once, so that they can be repeated.
export const setup = () => reachable(texts(0, cache.hot_texts));

export default function () {
  const n = exec.scenario.iterationInTest;
  classify(__ENV.PHASE === 'zipf' ? `Again: ${stream(n)}`
    : repeating(Number(__ENV.FIRST) + n, Number(__ENV.RATIO), cache.hot_texts));
}

export const handleSummary = report(
  'cache', 'Do repeats hit, and only repeats?', `${cache.rate} requests/s for each of ${phases.length} mixes`,
);
