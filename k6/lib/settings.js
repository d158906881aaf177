// Every number and every knob of the load tests, once. Knobs come from the environment (`-e NAME=value`);
// none of their names begins with K6_, which k6 would take for its own options.

const env = (name, fallback) => __ENV[name] || fallback;
const number = (name, fallback) => {
  const value = Number(env(name, fallback));
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, not '${__ENV[name]}'`);
  return value;
};

export const BASE_URL = env('BASE_URL', 'http://127.0.0.1:8080').replace(/\/+$/, '');
// Behind Knative's ingress the route is chosen by the Host header, whatever address the ingress has.
export const HOST_HEADER = env('HOST_HEADER', '');
export const API_KEY = env('API_KEY', '');
export const LABELS = env('LABELS', 'NEGATIVE,POSITIVE').split(',');
export const SEED = number('SEED', 1);
export const RESULTS_DIR = env('RESULTS_DIR', '.');
// Where run.py listens for the events that a script asks for (a service put to sleep, Redis killed).
export const CONTROL_URL = env('CONTROL_URL', '');
// New texts per second that the service computes when saturated: run.py measures it. Rates are shares of it, so
// that a verdict speaks of the service and not of the machine.
export const CAPACITY_PER_S = number('CAPACITY_PER_S', 100);
// On a machine that does other work as well, only answers can be judged: `never` drops the thresholds on times.
export const JUDGE_TIMES = env('JUDGE_TIMES', 'always') !== 'never';
// 0.1 runs every script for a tenth of its time.
const TIME_SCALE = number('TIME_SCALE', 1);

const seconds = (whole) => Math.max(1, Math.round(whole * TIME_SCALE));
const share = (part) => Math.max(1, Math.round(CAPACITY_PER_S * part));

const LOOPBACK = /^https?:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?(\/|$)/;
if (!LOOPBACK.test(BASE_URL) && !__ENV.ALLOW_REMOTE) {
  throw new Error(`${BASE_URL} is not this machine: set ALLOW_REMOTE=1 to put load on it`);
}

// Waking from zero, on a cluster that has to pull nothing, is well inside this.
export const ANSWER_TIMEOUT = '60s';
// A Knative service goes to sleep about two minutes after its last request, by default.
export const CONTROL_TIMEOUT = '900s';
export const SETUP_TIMEOUT = CONTROL_TIMEOUT;
export const SCORE_SUM_TOLERANCE = 1e-6;
// Points of a report's chart.
export const SLICES = 40;

// Lengths as product and film reviews have them: many short ones, few that exceed the model's 512 tokens.
export const TEXT_MIX = [
  { upTo: 0.55, sentences: 1 },
  { upTo: 0.9, sentences: 3 },
  { upTo: 0.99, sentences: 8 },
  { upTo: 1, sentences: 45 },
];

export const capacity = { vus: 16, duration_s: 8 };

export const smoke = { singles: 20, batch_texts: 32, lasts_s: 3, timeout_s: 60 };

// Half of capacity: room for a queue to form and go away, which is what the 99th percentile sees.
export const steady = { rate: share(0.5), duration_s: seconds(30), vus: 100, p95_ms: 500, p99_ms: 1000 };

// Open model: arrivals do not wait for answers, as users do not wait for each other. A machine whose capacity is low
// gets a lower peak. 2 s is `w255`'s criterion, held here although the burst finds the service asleep.
export const burst = {
  peak: Math.min(200, share(1.5)), rise_s: 2, hold_s: seconds(6), fall_s: 2, grace_s: 60, vus: 600,
  zipf: { texts: 500, exponent: 1.1 }, p99_ms: 2000,
};

// "Half a second after its process starts" is the promise; twice that is the bound on any machine.
export const wake = { sleeps: 5, max_ms: 1000, warm_max_ms: 500, lasts_s: 15, timeout_s: 9000 };

export const cache = {
  rate: share(0.4), duration_s: seconds(8), vus: 100, hot_texts: 64, fewer: 0.08, more: 0.02,
  ratios: { hits_0: 0, hits_50: 0.5, hits_95: 0.95 }, zipf: { texts: 400, exponent: 1.1 }, hit_p95_ms: 100,
};

export const stampede = { rounds: 5, requests: 500, lasts_s: 5, timeout_s: 120, max_ms: 5000 };

export const outage = {
  rate: share(0.3), duration_s: 24, kill_s: 6, restore_s: 14, look_s: 22, vus: 100, hot_texts: 30, texts: 500, p99_ms: 2000,
};

export const drain = { users: 4, batch_texts: 32, replacements: 3, lasts_s: 10, timeout_s: 600 };

// Three thirds: latency in the last is judged against the first, memory against the second (soak.js says why).
export const soak = {
  rate: share(0.3), duration_s: seconds(1800), vus: 100, memory_every_s: 2, p99_ms: 1000,
  latency_drift: 1.25, memory_growth: 1.05,
};

// That course's load.js: these stages, 10 virtual users in a closed loop, 95 % repeats, 99 % within 2 s.
export const w255 = {
  vus: 10, rise_s: seconds(30), hold_s: seconds(420), fall_s: seconds(180), repeats: 0.95, texts: 10,
  tolerance: 0.04, p99_ms: 2000,
};
