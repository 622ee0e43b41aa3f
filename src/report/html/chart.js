// Error against depth: the records of one forward from left to right as they were executed, the error upwards on a
// logarithmic scale, the threshold as a line. No error at all stands on the floor, an infinite or undefined one at the
// ceiling.
const chart = {
  margin: { left: 52, right: 14, top: 30, bottom: 26 },
  ceiling: 12,
  rows: [],
  cursor: -1,
  onOpen: () => {},
};

function momentsOf() {
  const found = new Map();
  const [steps, ranks, calls] = [column('step'), column('rank'), column('call')];
  const ofRow = new Uint32Array(record.count);
  for (let row = 0; row < record.count; ++row) {
    const key = `${steps[row]} ${calls[row]} ${ranks[row]}`;
    let moment = found.get(key);
    if (!moment) {
      moment = { index: found.size, text: momentOf(row), rows: [] };
      found.set(key, moment);
    }
    moment.rows.push(row);
    ofRow[row] = moment.index;
  }
  return { list: [...found.values()], ofRow };
}
const moments = momentsOf();

// Of each tensor of each module the record of the step and call that stands out most.
function worstOfAll() {
  const worst = new Map();
  const [roots, modules, tensors] = [column('root'), column('module'), column('tensor')];
  for (let row = 0; row < record.count; ++row) {
    const key = `${roots[row]} ${modules[row]} ${tensors[row]}`;
    const before = worst.get(key);
    if (before === undefined || severity(row) > severity(before) || (severity(row) === severity(before) && record.ratio(row) > record.ratio(before))) worst.set(key, row);
  }
  return [...worst.values()];
}

const isDrawn = (row) => !['missing', 'extra', 'incomparable'].includes(record.status(row));
const isInput = (row) => record.text('tensor', row).startsWith('in');

function decades(rows) {
  let [low, high] = [Infinity, -Infinity];
  for (const row of rows) {
    for (const value of [record.error(row), record.threshold(row)]) {
      if (!(value > 0) || value === Infinity) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return { low: -8, high: 0 };
  return { low: Math.floor(Math.log10(low)) - 1, high: Math.ceil(Math.log10(high) + 0.15) };
}

function placed() {
  const { clientWidth: width, clientHeight: height } = find('chart');
  const { margin, rows, range } = chart;
  const [inner, tall] = [width - margin.left - margin.right, height - margin.top - margin.bottom];
  return {
    width,
    height,
    x: (index) => margin.left + (rows.length < 2 ? inner / 2 : (inner * index) / (rows.length - 1)),
    y: (value) => {
      if (value === 0) return margin.top + tall;
      if (!Number.isFinite(value)) return chart.ceiling;
      return margin.top + (tall * (range.high - Math.log10(value))) / (range.high - range.low);
    },
  };
}

const superscript = (exponent) => `10${String(exponent).replace(/[-0-9]/g, (sign) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(sign)])}`;

function drawGrid(pen, at) {
  const { margin, range } = chart;
  pen.font = '11px system-ui, "DejaVu Sans", sans-serif';
  pen.textAlign = 'right';
  pen.textBaseline = 'middle';
  const stride = Math.max(1, Math.ceil((range.high - range.low) / 9));
  for (let exponent = range.high; exponent >= range.low; exponent -= stride) {
    const y = Math.round(at.y(10 ** exponent)) + 0.5;
    pen.strokeStyle = colourOf('line');
    pen.beginPath();
    pen.moveTo(margin.left, y);
    pen.lineTo(at.width - margin.right, y);
    pen.stroke();
    pen.fillStyle = colourOf('faint');
    if (y < at.height - margin.bottom - 6) pen.fillText(superscript(exponent), margin.left - 8, y);
  }
  pen.fillText('0', margin.left - 8, at.height - margin.bottom);
  pen.fillText('∞', margin.left - 8, chart.ceiling);
  pen.textBaseline = 'alphabetic';
  pen.textAlign = 'left';
  pen.fillText('first executed', margin.left, at.height - 6);
  pen.textAlign = 'right';
  pen.fillText('last', at.width - margin.right, at.height - 6);
}

function drawLine(pen, at, value, colour, dashes) {
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.setLineDash(dashes);
  pen.beginPath();
  let isDown = false;
  chart.rows.forEach((row, index) => {
    if (!(value(row) > 0)) return;
    if (isDown) pen.lineTo(at.x(index), at.y(value(row)));
    else pen.moveTo(at.x(index), at.y(value(row)));
    isDown = true;
  });
  pen.stroke();
  pen.setLineDash([]);
}

function drawPoints(pen, at) {
  const radius = chart.rows.length > 600 ? 2 : 3.2;
  const colours = data.statuses.map(({ name }) => colourOf(name));
  pen.lineWidth = 1.4;
  // Failures last: they stand in front.
  for (const wanted of [false, true]) {
    chart.rows.forEach((row, index) => {
      if (record.fails(row) !== wanted) return;
      pen.fillStyle = pen.strokeStyle = colours[record.statusIndex(row)];
      pen.beginPath();
      pen.arc(at.x(index), at.y(record.error(row)), wanted ? radius + 0.6 : radius, 0, 2 * Math.PI);
      if (isInput(row)) pen.stroke();
      else pen.fill();
    });
  }
  if (chart.cursor < 0) return;
  const row = chart.rows[chart.cursor];
  pen.strokeStyle = colourOf('ink');
  pen.beginPath();
  pen.arc(at.x(chart.cursor), at.y(record.error(row)), 7, 0, 2 * Math.PI);
  pen.stroke();
}

function drawChart() {
  const canvas = find('chart-canvas');
  const at = placed();
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(at.width * scale);
  canvas.height = Math.round(at.height * scale);
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  drawGrid(pen, at);
  drawLine(pen, at, record.threshold, colourOf('missing'), [6, 4]);
  if (column('floor')) drawLine(pen, at, (row) => column('floor')[row], colourOf('faint'), [2, 3]);
  drawPoints(pen, at);
}

function pointAt(index) {
  chart.cursor = index;
  const tip = find('chart-tip');
  tip.hidden = index < 0;
  if (index >= 0) {
    const row = chart.rows[index];
    const what = `${record.status(row)}${Number.isNaN(record.error(row)) ? '' : `, error ${shortNumber(record.error(row))}`}${Number.isNaN(record.threshold(row)) ? '' : ` of ${shortNumber(record.threshold(row))} allowed`}`;
    tip.replaceChildren(make('b', 'mono', isolated(nameOf(row))), `${tensorOf(row)}, ${momentOf(row)}: ${what}`);
    const at = placed();
    const [x, y] = [at.x(index), at.y(record.error(row))];
    tip.style.left = `${Math.max(0, Math.min(x + 12, at.width - tip.offsetWidth))}px`;
    tip.style.top = `${y > at.height / 2 ? Math.max(0, y - tip.offsetHeight - 12) : y + 14}px`;
    find('chart-now').textContent = tip.textContent;
  }
  drawChart();
}

// The failure among the points under the pointer, if there is one: it is what one aims at.
function nearestPoint(event) {
  const box = find('chart').getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const at = placed();
  let [best, distance] = [-1, Infinity];
  chart.rows.forEach((row, index) => {
    const away = Math.hypot((at.x(index) - x) * 2, at.y(record.error(row)) - y) - (record.fails(row) ? 4 : 0);
    if (away < distance) [best, distance] = [index, away];
  });
  return best;
}

function showMoment(choice) {
  const select = find('moment');
  select.value = String(choice);
  const rows = choice === 'all' ? worstOfAll() : moments.list[choice].rows;
  chart.rows = rows.filter(isDrawn);
  chart.range = decades(chart.rows);
  find('moment-before').disabled = select.selectedIndex === 0;
  find('moment-after').disabled = select.selectedIndex === select.options.length - 1;
  find('chart').setAttribute('aria-label', `Error of ${counted(chart.rows.length, 'record')} against depth, ${select.selectedOptions[0].textContent}. Arrow keys go from record to record.`);
  pointAt(-1);
}

function startChart(onOpen) {
  const select = find('moment');
  const option = (value, text) => Object.assign(make('option', '', text), { value });
  select.append(option('all', 'worst of all steps and calls'), ...moments.list.map(({ index, text }) => option(index, text)));
  select.addEventListener('change', () => showMoment(select.value));
  const go = (by) => showMoment(select.options[select.selectedIndex + by].value);
  find('moment-before').addEventListener('click', () => go(-1));
  find('moment-after').addEventListener('click', () => go(1));

  const area = find('chart');
  area.addEventListener('pointermove', (event) => pointAt(nearestPoint(event)));
  area.addEventListener('pointerleave', () => pointAt(-1));
  area.addEventListener('click', (event) => {
    const index = nearestPoint(event);
    if (index >= 0) onOpen(chart.rows[index]);
  });
  area.addEventListener('keydown', (event) => {
    const last = chart.rows.length - 1;
    const to = { ArrowRight: chart.cursor + 1, ArrowLeft: chart.cursor - 1, Home: 0, End: last }[event.key];
    if (to !== undefined && last >= 0) pointAt(Math.max(0, Math.min(last, to)));
    else if (event.key === 'Enter' && chart.cursor >= 0) onOpen(chart.rows[chart.cursor]);
    else if (event.key === 'Escape') pointAt(-1);
    else return;
    event.preventDefault();
  });
  new ResizeObserver(drawChart).observe(area);
  themeListeners.push(drawChart);

  const key = (shape, colour, text) => {
    const swatch = make('i', shape);
    swatch.style.setProperty('--swatch', `var(--${colour})`);
    return make('span', '', swatch, text);
  };
  find('chart-legend').append(key('dot', 'within', 'within'), key('dot', 'diverged', 'diverged'), key('dot hollow', 'faint', 'an input'), key('dash', 'missing', 'threshold'));
  if (column('floor')) find('chart-legend').append(key('dash', 'faint', 'noise floor'));

  const row = data.first_failure;
  showMoment(row === null ? (moments.list.length === 1 ? 0 : 'all') : moments.ofRow[row]);
}
