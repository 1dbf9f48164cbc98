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
    one.append(text('span', network.metric + ' by epoch' + (network.curves.length > 1 ? ', each seed' : ''), 'note'),
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
