// The service is replaced while it works: does every request survive? As on Knative the new revision is ready first,
// new requests go to it, and only then the old process gets SIGTERM, with requests still in its hands.

import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { classify, control, reachable } from './lib/client.js';
import { FRESH, texts } from './lib/corpus.js';
import { delivered, plan, report } from './lib/report.js';
import { drain } from './lib/settings.js';

const replacements = new Counter('replacements');
const inFlight = new Trend('in_flight_at_sigterm');
const exitStatus = new Trend('exit_status');
const drained = new Trend('drain_ms', true);

export const options = plan({
  lasts_s: drain.duration_s,
  scenarios: {
    traffic: {
      executor: 'constant-arrival-rate', rate: drain.texts_rate, timeUnit: `${drain.batch_texts}s`,
      duration: `${drain.duration_s}s`, preAllocatedVUs: drain.vus,
    },
    replace: {
      executor: 'per-vu-iterations', vus: 1, iterations: drain.replacements, startTime: `${drain.first_s}s`,
      maxDuration: `${drain.timeout_s}s`, exec: 'replace',
    },
  },
  thresholds: {
    ...delivered,
    latency_ms: [`p(99)<${drain.p99_ms}`],
    replacements: [`count==${drain.replacements}`],
    in_flight_at_sigterm: ['min>0'],
    exit_status: ['max==0'],
  },
  // One connection a request, so that run.py's door routes requests as Knative's does, not connections.
  noConnectionReuse: true,
});

export const setup = () => reachable();

export default function () {
  classify(texts(FRESH + exec.scenario.iterationInTest * drain.batch_texts, drain.batch_texts));
}

export function replace() {
  const old = control('replace');
  replacements.add(1);
  inFlight.add(old.in_flight);
  exitStatus.add(old.exit_status);
  drained.add(old.drain_ms);
}

export const handleSummary = report(
  'drain', 'Replaced under load: does every request survive?',
  `${drain.texts_rate} new texts/s in requests of ${drain.batch_texts}`,
);
