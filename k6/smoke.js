// Does it answer at all, correctly, in every form that the other scripts rely on?

import { check } from 'k6';
import exec from 'k6/execution';
import { classify, get, post, reachable, serverTiming } from './lib/client.js';
import { FRESH, text, texts } from './lib/corpus.js';
import { plan, report } from './lib/report.js';
import { smoke } from './lib/settings.js';

const once = { executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: `${smoke.timeout_s}s` };

export const options = plan({
  lasts_s: smoke.lasts_s,
  scenarios: {
    singles: { ...once, iterations: smoke.singles, exec: 'single' },
    batch: { ...once, exec: 'batch' },
    repeat: { ...once, exec: 'repeat' },
    mistakes: { ...once, exec: 'mistakes' },
  },
  // A mistake is answered with 4xx, which k6 counts as failed: `mistakes` judges those itself.
  thresholds: { 'http_req_failed{endpoint:predict}': [], 'http_req_failed{scenario:singles}': ['rate==0'] },
});

export const setup = () => reachable();

export const single = () => classify(text(exec.scenario.iterationInTest));

export const batch = () => classify(texts(FRESH, smoke.batch_texts));

export function repeat() {
  const asked = text(FRESH * 2);
  classify(asked);
  const again = classify(asked.toUpperCase());
  check(again, {
    'the same words in capitals are a cache hit': ({ headers }) => headers['X-Cache'] === 'hit',
    'Server-Timing names its stages': () => 'inference' in serverTiming(again),
    'healthy': () => get('health').json('status') === 'healthy',
    'ready': () => get('readyz').status === 200,
  });
}

export function mistakes() {
  const refusals = [
    [{ text: [] }, 'no_texts'], [{ text: 5 }, 'invalid_input'], [{}, 'invalid_input'],
    [{ text: 'Fine.', colour: 'blue' }, 'invalid_input'],
  ];
  refusals.forEach(([body, code]) => check(post(body), {
    [`${JSON.stringify(body)} is refused by name`]: (r) => r.status === 422 && r.json('error.code') === code,
  }));
}

export const handleSummary = report('smoke', 'Does it answer, correctly, in every form?');
