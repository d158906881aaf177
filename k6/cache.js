// Do repeats hit, and only repeats? A sweep over hit ratios, then a stream as skewed as words are.

import exec from 'k6/execution';
import { SharedArray } from 'k6/data';
import { classify, reachable } from './lib/client.js';
import { repeating, texts, zipf } from './lib/corpus.js';
import { delivered, plan, report } from './lib/report.js';
import { cache } from './lib/settings.js';

const requests = cache.rate * cache.duration_s;
const mixes = Object.entries(cache.ratios).map(([name, ratio], position) => [
  name, (n) => repeating(position * 2 * requests + n, ratio, cache.hot_texts)]);
const ranked = zipf(cache.zipf);
// Texts of its own: what another mix has sent would hit before its time.
mixes.push(['zipf', (n) => `Again: ${ranked(n)}`]);

// The hit ratio of a mix is known beforehand, to the draw: its texts are a function of the seed.
function expected(stream) {
  const known = new Set(texts(0, cache.hot_texts));
  const hits = Array.from({ length: requests }, (_, n) => {
    const hit = known.has(stream(n));
    known.add(stream(n));
    return hit;
  });
  return hits.filter(Boolean).length / requests;
}

// Computed once, not by every virtual user.
const ratios = new SharedArray('expected hit ratios', () => mixes.map(([, stream]) => expected(stream)));

// A repeat that comes while its first is still being computed is a miss: there may be fewer hits, hardly more.
const bounds = (ratio) => (ratio
  ? [`rate>${(ratio - cache.fewer).toFixed(3)}`, `rate<${(ratio + cache.more).toFixed(3)}`] : ['rate==0']);

export const options = plan({
  lasts_s: mixes.length * cache.duration_s,
  scenarios: Object.fromEntries(mixes.map(([name], position) => [name, {
    executor: 'constant-arrival-rate', rate: cache.rate, duration: `${cache.duration_s}s`,
    startTime: `${position * cache.duration_s}s`, preAllocatedVUs: cache.vus,
  }])),
  thresholds: {
    ...delivered,
    ...Object.fromEntries(mixes.map(([name], index) => [`cache_hit{scenario:${name}}`, bounds(ratios[index])])),
    ...Object.fromEntries(mixes.map(([name]) => [`answers{scenario:${name}}`, ['count>0']])),
    'latency_ms{cache:hit}': [`p(95)<${cache.hit_p95_ms}`],
  },
});

export const setup = () => reachable(texts(0, cache.hot_texts));

const streams = Object.fromEntries(mixes);

export default function () {
  classify(streams[exec.scenario.name](exec.scenario.iterationInTest));
}

export const handleSummary = report(
  'cache', 'Do repeats hit, and only repeats?', `${cache.rate} requests/s for each of ${mixes.length} mixes`,
);
