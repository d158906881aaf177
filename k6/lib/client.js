// One request and everything it must have got right: as many answers as texts, labels known, scores that sum to 1.

import http from 'k6/http';
import exec from 'k6/execution';
import { check } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';
import {
  ANSWER_TIMEOUT, API_KEY, BASE_URL, CONTROL_TIMEOUT, CONTROL_URL, HOST_HEADER, LABELS, SCORE_SUM_TOLERANCE,
} from './settings.js';
import { slice } from './report.js';

const answers = new Counter('answers');
const latency = new Trend('latency_ms', true);
// What Server-Timing does not account for: the network, the platform's queues, a service that had to wake first.
const outside = new Trend('outside_ms', true);
const stages = ['tokenize', 'cache', 'queue', 'inference', 'total', 'wake']
  .map((name) => [name, new Trend(`${name}_ms`, true)]);
const cacheHit = new Rate('cache_hit');

const headers = {
  'Content-Type': 'application/json',
  ...(HOST_HEADER && { Host: HOST_HEADER }),
  ...(API_KEY && { Authorization: `Bearer ${API_KEY}` }),
};

const params = (endpoint) => ({ headers, timeout: ANSWER_TIMEOUT, tags: { endpoint, name: endpoint } });

export const get = (path) => http.get(`${BASE_URL}/${path}`, params(path));

export const post = (body) => http.post(`${BASE_URL}/predict`, JSON.stringify(body), params('predict'));

// The same request many times at once, over as many connections.
export function postAtOnce(body, times) {
  const request = { method: 'POST', url: `${BASE_URL}/predict`, body: JSON.stringify(body), params: params('predict') };
  return http.batch(Array(times).fill(request));
}

// Classify one text or a list; `tags` go onto the measurements.
export function classify(text, tags = {}) {
  return judge(post({ text }), [text].flat().length, tags);
}

export function judge(response, count, tags = {}) {
  const predictions = read(response);
  check(response, {
    'answered with 200': () => response.status === 200,
    'as many answers as texts': () => predictions.length === count,
    'labels known, scores sum to 1': () => predictions.every(plausible),
  });
  if (response.status === 200) measure(response, tags);
  else if (response.status) console.warn(`answered ${response.status} ${response.body}`);
  return response;
}

function read(response) {
  try {
    return response.json('predictions') || [];
  } catch {
    return [];
  }
}

function plausible(scores) {
  const sum = scores.reduce((total, { score }) => total + score, 0);
  return scores.length === LABELS.length && Math.abs(sum - 1) < SCORE_SUM_TOLERANCE
    && scores.every(({ label, score }) => LABELS.includes(label) && score >= 0);
}

function measure(response, tags) {
  const { duration } = response.timings;
  const timings = serverTiming(response);
  const cache = response.headers['X-Cache'];
  const tagged = { ...tags, cache, start: waitedForWake(duration, timings) ? 'cold' : 'warm' };
  stages.forEach(([name, trend]) => name in timings && trend.add(timings[name], tagged));
  answers.add(1, tagged);
  latency.add(duration, { ...tagged, slice: slice() });
  outside.add(duration - timings.total, tagged);
  cacheHit.add(cache === 'hit', tags);
}

// A young process says how long it took to get ready (`wake`) and how long ago it began (`age`): who has waited for
// longer than it has been ready came while it slept.
const waitedForWake = (duration, { wake, age }) => duration > age - wake;

// `queue;dur=1.5, inference;dur=20` → { queue: 1.5, inference: 20 }
export function serverTiming(response) {
  const header = response.headers['Server-Timing'] || '';
  return Object.fromEntries([...header.matchAll(/([\w-]+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]));
}

// Stops the run, in one line, when there is nothing to measure. Every script's `setup`, or the first thing in it.
// `text` is what to ask, for a script that will ask it again.
export function reachable(text = 'Is anybody there?') {
  const { status, error } = post({ text });
  if (status === 200) return;
  const problem = {
    0: `does not answer (${error}): is the address right, and is the service awake?`,
    401: 'wants an API key: pass -e API_KEY=…',
    403: 'refuses this API key',
    404: 'has no /predict: is the address right, and HOST_HEADER?',
  }[status] || `answers /predict with ${status}`;
  exec.test.abort(`${BASE_URL} ${problem}`);
}

// Asks run.py for something that HTTP to the service cannot do. Returns what it says about it.
export function control(action) {
  if (!CONTROL_URL) exec.test.abort(`this script ${action}s things: start it with k6/run.py`);
  const tags = { endpoint: 'control', name: action };
  const response = http.post(`${CONTROL_URL}/${action}`, null, { timeout: CONTROL_TIMEOUT, tags });
  if (response.status !== 200) exec.test.abort(`run.py could not ${action}: ${response.body || response.error}`);
  return response.json();
}
