"""Style and script of the report's page, on top of those of every page."""

STYLE = """
h3 { font-size: 16px; margin: 18px 0 4px; } a { color: #0065a0; }
@media (prefers-color-scheme: dark) { a { color: #6ab8ee; } }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 10px 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 14px 0; }
.tiles div { border: 1px solid var(--line); border-radius: 6px; padding: 8px 12px; }
.tiles b { display: block; font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 13px; }
.panel { border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; margin: 12px 0; }
.panel .halves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 6px 24px; }
.panel .halves > div { min-width: 0; }
.panel h3 { margin: 0 0 6px; } .panel .curve { width: 100%; max-width: 430px; height: auto; display: block; }
.panel label { color: var(--soft); } select { font: inherit; max-width: 100%; color: var(--ink);
  background: var(--ground); border: 1px solid var(--line); border-radius: 4px; padding: 2px 4px; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 1px 12px; margin: 0 0 10px; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
pre, .command { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; background: var(--grid); border-radius: 4px;
  padding: 6px 10px; margin: 6px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
button.trial { font: inherit; color: inherit; background: none; border: 0; border-bottom: 1px dotted; padding: 0;
  cursor: pointer; }
.pictures { display: flex; flex-wrap: wrap; gap: 20px 40px; margin: 12px 0; }
.pictures > * { max-width: 100%; height: auto; }
svg.network { max-width: 100%; height: auto; }
tr.canonical td { font-weight: 600; } .warn { border-left: 4px solid #b34a00; padding: 2px 12px; }
@media print { main { max-width: none; padding: 0; } section, .panel, tr { break-inside: avoid-page; }
  section.long { break-inside: auto; } select, label, nav, .screen { display: none; }
  :root { --ground: #fff; --ink: #22262b; --soft: #5b626b; --line: #d9dde2; --grid: #ebedf0; }
  .js-plotly-plot .plot { filter: none; } }
"""

SCRIPT = """
const text = (tag, words, name) => { const made = document.createElement(tag); made.textContent = words;
  if (name) made.className = name; return made; };
function curve(network) {
  const width = 430, height = 170, left = 50, low = 150, most = Math.max(...network.curves.map(one => one.length));
  const values = network.curves.flat(), least = Math.min(...values), top = Math.max(...values);
  const x = i => left + (width - left - 8) * (most > 1 ? i / (most - 1) : 0.5);
  const y = value => low - (low - 12) * (top > least ? (value - least) / (top - least) : 0.5);
  const box = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  box.setAttribute('viewBox', `0 0 ${width} ${height}`); box.setAttribute('class', 'curve');
  box.setAttribute('role', 'img'); box.setAttribute('aria-label', 'learning curve');
  const lines = network.curves.filter(one => one.length).map(one => '<polyline fill="none" stroke="#0072B2"' +
    ` stroke-width="1.8"${network.stopped ? ' stroke-dasharray="4 3"' : ''} points="` +
    one.map((value, i) => x(i).toFixed(1) + ',' + y(value).toFixed(1)).join(' ') + '"/>');
  const words = (at, below, value, anchor) => `<text x="${at}" y="${below}" text-anchor="${anchor}" font-size="11" ` +
    `fill="var(--soft)">${value}</text>`;
  box.innerHTML = lines.join('') + words(left - 4, 16, (100 * top).toFixed(1) + ' %', 'end') +
    words(left - 4, low, (100 * least).toFixed(1) + ' %', 'end') + words(left, height - 4, 'epoch 1', 'start') +
    words(width - 8, height - 4, most, 'end');
  return box;
}
function show(study, number, scroll) {
  const panel = document.getElementById('panel_' + study), network = details[study][number];
  if (!panel || !network) return;
  const body = panel.querySelector('.body'), halves = text('div', '', 'halves');
  const one = text('div', ''), two = text('div', '');
  const facts = text('dl', '', 'facts');
  for (const [name, value] of network.facts) facts.append(text('dt', name), text('dd', value));
  one.append(facts);
  if (network.curves.some(each => each.length))
    one.append(text('span', 'val_acc by epoch' + (network.curves.length > 1 ? ', each seed' : ''), 'note'),
      curve(network));
  if (network.command)
    one.append(text('span', 'train it again, bit for bit', 'note'), text('div', network.command, 'command'));
  const drawn = document.getElementById(`picture_${study}_${number}`);
  if (drawn) two.append(drawn.content.cloneNode(true));
  else {
    const table = text('table', ''), rows = [['layer', 'output', 'filters', 'params'], ...network.layers];
    rows.forEach((row, i) => { const line = text('tr', '');
      row.forEach((cell, j) => line.append(text(i ? 'td' : 'th', cell, j < 3 ? 'word' : ''))); table.append(line); });
    const scroller = text('div', '', 'scroll'); scroller.append(table); two.append(scroller);
  }
  halves.append(one, two);
  body.replaceChildren(text('h3', network.title), halves);
  const list = panel.querySelector('select');
  if (list) list.value = number;
  if (scroll && panel.getBoundingClientRect().top > innerHeight - 160) panel.scrollIntoView({behavior: 'smooth'});
}
for (const figure of document.querySelectorAll('.picks .figure'))
  figure.on('plotly_click', event => {
    const {data, pointNumber} = event.points[0];
    if (data.ids) show(...data.ids[pointNumber].split('|'), true); });
for (const button of document.querySelectorAll('button.trial'))
  button.addEventListener('click', () => show(button.dataset.study, button.dataset.trial, true));
for (const panel of document.querySelectorAll('.panel')) {
  const list = panel.querySelector('select'), study = panel.id.slice(6);
  for (const [number, network] of Object.entries(details[study])) {
    const option = text('option', network.title); option.value = number;
    list.append(option); }
  list.addEventListener('change', () => show(study, list.value, false));
  show(study, panel.dataset.first, false);
}
addEventListener('beforeprint', () => {
  for (const figure of document.querySelectorAll('.figure')) Plotly.Plots.resize(figure); });
"""

# Before the figures are drawn: on a phone a tick a decade, one name, and room for the legend's single column.
NARROW = """
if (innerWidth < 600)
  for (const [name, , layout] of figures)
    if (/^figure_(pareto|both$)/.test(name)) {
      const {tickvals, ticktext} = layout.xaxis, whole = ticktext.map(words => words[0] === '1');
      Object.assign(layout.xaxis, {tickvals: tickvals.filter((_, i) => whole[i]), tickangle: 0,
        ticktext: ticktext.filter((_, i) => whole[i])});
      layout.annotations = (layout.annotations || []).slice(0, 1).map(one =>
        ({...one, xanchor: 'right', xshift: -15, yshift: 0}));
      Object.assign(layout.margin, {b: 200, r: 8});
      layout.height = 600;
    }
"""
