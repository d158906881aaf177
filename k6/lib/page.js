// A run as one HTML page: verdicts, latency over time, and every number. Nothing in it is loaded from anywhere.

const WIDTH = 860;
const HEIGHT = 260;
const MARGIN = { left: 56, right: 48, top: 14, bottom: 30 };

const STYLE = `
:root { color-scheme: light dark; --ink: #1b2430; --paper: #fff; --grid: #d8dee6; --median: #0b6e99; --p95: #b4540a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --paper: #12161c; --grid: #323a46; --median: #5cc3ee; --p95: #f2a65a; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { text-align: left; padding: .2rem 1rem .2rem 0; }
td.number { text-align: right; font-variant-numeric: tabular-nums; } svg { width: 100%; height: auto; }
svg text { fill: currentColor; font-size: 12px; } .wide { overflow-x: auto; }
.pass::before { content: "✓ "; } .fail { font-weight: 700; } .fail::before { content: "✗ "; }`;

const escaped = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const shown = (value) => (value === undefined ? '' : String(Number(value.toPrecision(4))));

export function page(run) {
  return `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(run.script)}: ${run.passed ? 'passed' : 'failed'}</title><style>${STYLE}</style>
<h1>${escaped(run.script)}</h1><p>${escaped(run.question)} <strong>${run.passed ? 'Passed.' : 'Failed.'}</strong></p>
<p>${escaped(run.rates)}</p>
<p>Target ${escaped(run.target)}, seed ${run.seed}, ${shown(run.duration_s)} s, capacity
${shown(run.capacity_per_s)} new texts/s.</p>
${verdictTable(run.verdicts)}
<h2>Latency over time</h2>${chart(run.over_time, run.duration_s)}
<h2>All numbers</h2><div class="wide">${metricTable(run.metrics)}</div></html>\n`;
}

function verdictTable(verdicts) {
  const rows = verdicts.map(({ metric, threshold, measured, ok }) => `<tr><td>${escaped(metric)}</td>
<td>${escaped(threshold)}</td><td class="number">${shown(measured)}</td>
<td class="${ok ? 'pass' : 'fail'}">${ok ? 'pass' : 'fail'}</td></tr>`);
  return `<table><tr><th>metric</th><th>threshold</th><th>measured</th><th>verdict</th></tr>${rows.join('')}</table>`;
}

function metricTable(metrics) {
  const rows = Object.entries(metrics).sort().map(([name, values]) => {
    const numbers = Object.entries(values).map(([stat, value]) => `${escaped(stat)} ${shown(value)}`);
    return `<tr><td>${escaped(name)}</td><td>${numbers.join(' · ')}</td></tr>`;
  });
  return `<table>${rows.join('')}</table>`;
}

// Median and 95th percentile as lines, answers per slice as bars behind them.
function chart(slices, duration_s) {
  if (!slices.length) return '<p>No answer was measured.</p>';
  const top_ms = Math.max(...slices.map(({ p95_ms }) => p95_ms)) * 1.1;
  const most = Math.max(...slices.map(({ count }) => count));
  const last_s = Math.max(duration_s, slices[slices.length - 1].at_s);
  const x = (at_s) => MARGIN.left + (at_s / last_s) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (part) => HEIGHT - MARGIN.bottom - part * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const width = Math.max(2, (WIDTH - MARGIN.left - MARGIN.right) / 60);
  const bars = slices.map(({ at_s, count }) => `<rect x="${x(at_s).toFixed(1)}" y="${y(count / most).toFixed(1)}"
 width="${width.toFixed(1)}" height="${(y(0) - y(count / most)).toFixed(1)}" fill="var(--grid)"/>`);
  const line = (stat, colour) => {
    const points = slices.map((at) => `${(x(at.at_s) + width / 2).toFixed(1)},${y(at[stat] / top_ms).toFixed(1)}`);
    const dots = points.map((point) => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="2.5"
 fill="${colour}"/>`);
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
  };
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => `
<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(part)}" y2="${y(part)}" stroke="var(--grid)"/>
<text x="${MARGIN.left - 6}" y="${y(part) + 4}" text-anchor="end">${shown(part * top_ms)}</text>
<text x="${WIDTH - MARGIN.right + 6}" y="${y(part) + 4}">${shown(Math.round(part * most))}</text>
<text x="${x(part * last_s)}" y="${HEIGHT - 10}" text-anchor="middle">${shown(part * last_s)} s</text>`);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Latency over time">${ticks.join('')}${bars.join('')}
${line('p95_ms', 'var(--p95)')}${line('median_ms', 'var(--median)')}</svg>
<p><span style="color:var(--median)">━</span> median ms · <span style="color:var(--p95)">━</span> p95 ms (left) ·
<span style="color:var(--grid)">▇</span> answers (right)</p>`;
}
