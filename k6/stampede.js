// A text nobody has seen, asked by hundreds at once: does the model compute it once? Everybody who waited for one
// inference reports that inference's own time in Server-Timing, so distinct times count inferences.

import { check } from 'k6';
import { Counter } from 'k6/metrics';
import { judge, postAtOnce, reachable, serverTiming } from './lib/client.js';
import { FRESH, text } from './lib/corpus.js';
import { plan, report } from './lib/report.js';
import { stampede } from './lib/settings.js';

const inferences = new Counter('inferences');

export const options = plan({
  lasts_s: stampede.lasts_s,
  scenarios: {
    stampede: {
      executor: 'per-vu-iterations', vus: 1, iterations: stampede.rounds, maxDuration: `${stampede.timeout_s}s`,
    },
  },
  thresholds: { inferences: [`count==${stampede.rounds}`], latency_ms: [`max<${stampede.max_ms}`] },
  batch: stampede.requests,
  batchPerHost: stampede.requests,
});

export const setup = () => reachable();

export default function () {
  const answers = postAtOnce({ text: text(FRESH + __ITER) }, stampede.requests);
  answers.forEach((answer) => judge(answer, 1));
  const computed = answers.filter(({ headers }) => headers['X-Cache'] === 'miss').map(serverTiming);
  inferences.add(new Set(computed.map(({ queue, inference }) => `${queue} ${inference}`)).size);
  check(answers, { 'all got the same answer': () => new Set(answers.map(({ body }) => body)).size === 1 });
}

export const handleSummary = report(
  'stampede', `One new text, ${stampede.requests} requests at once: one inference?`, `${stampede.rounds} rounds`,
);
