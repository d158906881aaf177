// The service is replaced while it works: does every request survive? As on Knative the new revision is ready first,
// new requests go to it, and only then the old process gets SIGTERM, with requests still in its hands. A closed loop that
// ends with the last replacement: a slow machine takes longer, and the question stays the same.

import exec from 'k6/execution';
import { Counter, Trend } from 'k6/metrics';
import { classify, control, reachable } from './lib/client.js';
import { FRESH, texts } from './lib/corpus.js';
import { plan, report } from './lib/report.js';
import { drain } from './lib/settings.js';

const replacements = new Counter('replacements');
const inFlight = new Trend('in_flight_at_sigterm');
const exitStatus = new Trend('exit_status');
const drained = new Trend('drain_ms', true);

const once = { executor: 'per-vu-iterations', iterations: 1, maxDuration: `${drain.timeout_s}s` };

export const options = plan({
  lasts_s: drain.lasts_s,
  scenarios: {
    traffic: { ...once, vus: drain.users, exec: 'traffic' },
    replace: { ...once, vus: 1, exec: 'replace' },
  },
  thresholds: {
    replacements: [`count==${drain.replacements}`],
    in_flight_at_sigterm: ['min>0'],
    exit_status: ['min==0', 'max==0'],
  },
  // One connection a request, so that run.py's door routes requests as Knative's does, not connections.
  noConnectionReuse: true,
});

export const setup = () => reachable();

export function traffic() {
  let first = FRESH * exec.vu.idInTest;
  while (control('count-replacements').count < drain.replacements) {
    classify(texts(first, drain.batch_texts));
    first += drain.batch_texts;
  }
}

export function replace() {
  for (let round = 0; round < drain.replacements; round += 1) {
    const old = control('replace');
    replacements.add(1);
    inFlight.add(old.in_flight);
    exitStatus.add(old.exit_status);
    drained.add(old.drain_ms);
  }
}

export const handleSummary = report(
  'drain', 'Replaced under load: does every request survive?',
  `${drain.users} users, ${drain.batch_texts} new texts a request, ${drain.replacements} replacements`,
);
