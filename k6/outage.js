// Redis is killed and comes back, empty: does anybody notice? The service runs without its in-process cache here (run.py
// sees to that). That it uses Redis, before and after, is proven by what lies in Redis.

import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { classify, control, reachable } from './lib/client.js';
import { text, texts, uniform } from './lib/corpus.js';
import { delivered, elapsedMs, plan, report } from './lib/report.js';
import { outage } from './lib/settings.js';

const redisKeys = new Trend('redis_keys');

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
    look: { ...event, startTime: `${outage.look_s}s`, exec: 'look' },
  },
  thresholds: {
    ...delivered,
    'answers{redis:gone}': ['count>0'],
    'redis_keys{redis:killed}': ['min>0'],
    'redis_keys{redis:restored}': ['min>0'],
    'latency_ms{redis:there}': [`p(99)<${outage.p99_ms}`],
    'latency_ms{redis:gone}': [`p(99)<${outage.p99_ms}`],
  },
});

export const setup = () => reachable(texts(0, outage.hot_texts));

export default function () {
  const at_s = elapsedMs() / 1000;
  const redis = at_s < outage.kill_s || at_s > outage.restore_s ? 'there' : 'gone';
  classify(text(Math.floor(uniform(exec.scenario.iterationInTest) * outage.texts)), { redis });
}

export function kill() {
  redisKeys.add(control('redis-keys').keys, { redis: 'killed' });
  control('kill-redis');
}

export const restore = () => control('restore-redis');

export const look = () => redisKeys.add(control('redis-keys').keys, { redis: 'restored' });

export const handleSummary = report(
  'outage', 'Redis is killed and comes back: does anybody notice?', `${outage.rate} requests/s`,
);
