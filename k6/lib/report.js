// Options in, verdict out: what all scripts share of k6's options, and the report of a run as JSON and as HTML.

import exec from 'k6/execution';
import { BASE_URL, CAPACITY_PER_S, JUDGE_TIMES, RESULTS_DIR, SEED, SETUP_TIMEOUT, SLICES } from './settings.js';
import { page } from './page.js';

let sliceMs = 1000;
const startsAtMs = {};
// The metrics under judgement, in the order in which a script names them.
let judged = [];

// Since the first scenario began. k6's own clock of a run counts `setup` too, however long that waited.
export const elapsedMs = () => Date.now() - exec.scenario.startTime + startsAtMs[exec.scenario.name];

// The run's time in SLICES equal parts, for the chart: k6's summary has no other notion of time.
export const slice = () => String(Math.min(SLICES - 1, Math.floor(elapsedMs() / sliceMs)));

// k6's options for `scenarios` that take about `lasts_s`. No failed request and no false content unless a script says
// otherwise.
export function plan({ lasts_s, scenarios, thresholds, ...others }) {
  sliceMs = (lasts_s * 1000) / SLICES;
  Object.entries(scenarios).forEach(([name, { startTime = '0s' }]) => {
    startsAtMs[name] = Number.parseFloat(startTime) * 1000;
  });
  const slices = Array.from({ length: SLICES }, (_, index) => [`latency_ms{slice:${index}}`, []]);
  const held = {
    'http_req_failed{endpoint:predict}': ['rate==0'],
    checks: ['rate==1'],
    ...Object.fromEntries(Object.entries(thresholds || {}).filter(([metric]) => JUDGE_TIMES || !isTime(metric))),
  };
  judged = Object.keys(held);
  return {
    scenarios,
    thresholds: { ...held, ...Object.fromEntries(slices) },
    summaryTrendStats: ['count', 'min', 'avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
    setupTimeout: SETUP_TIMEOUT,
    ...others,
  };
}

const isTime = (metric) => /_ms\b|_duration\b|latency/.test(metric);

// Thresholds of an open model: load that was not delivered proves nothing.
export const delivered = { dropped_iterations: ['count==0'] };

// A script's `handleSummary`.
export function report(script, question, rates = '') {
  return ({ metrics, state }) => {
    if (!metrics.latency_ms || !metrics.latency_ms.values.count) return { stdout: `${script}: nothing was measured\n` };
    const verdicts = judged.flatMap((metric) => verdictsOn(metric, metrics[metric]));
    const run = {
      script, question, rates, target: BASE_URL, seed: SEED, capacity_per_s: CAPACITY_PER_S,
      duration_s: state.testRunDurationMs / 1000, passed: verdicts.every(({ ok }) => ok), verdicts,
      over_time: overTime(metrics), metrics: totals(metrics),
    };
    return {
      stdout: lines(run),
      [`${RESULTS_DIR}/${script}.json`]: JSON.stringify(run, null, 2),
      [`${RESULTS_DIR}/${script}.html`]: page(run),
    };
  };
}

function verdictsOn(metric, { thresholds = {}, values }) {
  return Object.entries(thresholds).map(([threshold, { ok }]) => ({
    metric, threshold, measured: values[threshold.split(/[<>=]/)[0]], ok,
  }));
}

function overTime(metrics) {
  return Array.from({ length: SLICES }, (_, index) => [index, metrics[`latency_ms{slice:${index}}`]])
    .filter(([, metric]) => metric && metric.values.count)
    .map(([index, { values }]) => ({
      at_s: (index * sliceMs) / 1000, count: values.count, median_ms: values.med, p95_ms: values['p(95)'],
      max_ms: values.max,
    }));
}

function totals(metrics) {
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.includes('slice:'))
    .map(([name, { values }]) => [name, values]));
}

function lines({ script, question, verdicts }) {
  const said = verdicts.map(({ ok, metric, threshold, measured }) =>
    `  ${ok ? 'pass' : 'FAIL'}  ${metric} ${threshold} (${Number(measured.toFixed(4))})`);
  return [`${script}: ${question}`, ...said, ''].join('\n');
}
