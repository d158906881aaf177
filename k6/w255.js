// The load profile and criterion of a university course (W255): 10 virtual users in a closed loop, 95 % repeats, 99 % within 2 s.
// /health and /predict are judged apart (one threshold over both lets cheap health checks dilute it), and a miss is a
// miss: texts never sent before, where the original shuffles ten known ones.

import exec from 'k6/execution';
import { check } from 'k6';
import { classify, get, reachable } from './lib/client.js';
import { FRESH, texts, uniform } from './lib/corpus.js';
import { plan, report } from './lib/report.js';
import { w255 } from './lib/settings.js';

export const options = plan({
  lasts_s: w255.rise_s + w255.hold_s + w255.fall_s,
  scenarios: {
    w255: {
      executor: 'ramping-vus', startVUs: 0,
      stages: [
        { target: w255.vus, duration: `${w255.rise_s}s` },
        { target: w255.vus, duration: `${w255.hold_s}s` },
        { target: 0, duration: `${w255.fall_s}s` },
      ],
    },
  },
  thresholds: {
    'http_req_duration{endpoint:predict}': [`p(99)<${w255.p99_ms}`],
    'http_req_duration{endpoint:health}': [`p(99)<${w255.p99_ms}`],
    cache_hit: [`rate>${(w255.repeats - w255.tolerance).toFixed(2)}`],
  },
});

export const setup = () => reachable(texts(0, w255.texts));

export default function () {
  check(get('health'), { healthy: (response) => response.json('status') === 'healthy' });
  const n = exec.scenario.iterationInTest;
  const repeated = uniform(n, 2) < w255.repeats;
  classify(texts(repeated ? 0 : FRESH + n * w255.texts, w255.texts));
}

export const handleSummary = report('w255', 'Ten users, 95 % repeats: 99 % of answers within 2 s?', `${w255.vus} users in a closed loop`);
