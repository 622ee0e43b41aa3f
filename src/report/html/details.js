// One record on both sides.
const presence = (side, row, bit) => Boolean(column(`${side}.present`)?.[row] & (1 << bit));

// As many digits as the column is wide; whether two are the same is told from all of them.
function longNumber(value) {
  return Number.isFinite(value) ? String(Number(value.toPrecision(10))) : wordOfNonFinite(value);
}

function difference(reference, port) {
  if (Object.is(reference, port) || reference === port) return '=';
  if (!Number.isFinite(reference) || !Number.isFinite(port)) return '≠';
  if (reference === 0) return shortNumber(port);
  const relative = (port - reference) / Math.abs(reference);
  return `${relative > 0 ? '+' : '−'}${shortNumber(Math.abs(relative))}`;
}

function statisticRow(name, reference, port, delta) {
  const row = make('tr', delta === '=' || delta === '' ? '' : 'differs', make('th', '', printable(name)));
  row.append(make('td', '', reference), make('td', '', port), make('td', '', delta));
  return row;
}

function statisticsTable(row) {
  const body = make('tbody');
  data.statistics.forEach((name, bit) => {
    const sides = ['reference', 'port'].map((side) => (presence(side, row, bit) ? column(`${side}.${bit}`)[row] : null));
    if (sides.every((value) => value === null)) return;
    const [reference, port] = sides.map((value) => (value === null ? '–' : longNumber(value)));
    body.append(statisticRow(name, reference, port, sides.includes(null) ? '' : difference(...sides)));
  });
  for (const name of ['shape', 'dtype']) {
    const sides = ['reference', 'port'].map((side) => (column(`${side}.${name}`) ? printable(record.text(`${side}.${name}`, row)) : ''));
    if (sides.every((text) => text === '')) continue;
    body.append(statisticRow(name, sides[0] || '–', sides[1] || '–', sides.includes('') ? '' : sides[0] === sides[1] ? '=' : '≠'));
  }
  if (body.children.length === 0) return make('p', 'where', 'No statistics of this record are in this page.');
  const head = make('tr', '', make('th', '', ''), make('th', '', 'reference'), make('th', '', 'port'), make('th', '', 'relative'));
  for (const cell of head.children) cell.scope = 'col';
  const groups = make('colgroup', '', make('col', 'stat'), make('col'), make('col'), make('col', 'delta'));
  return make('table', '', groups, make('thead', '', head), body);
}

function lineOf(side, row) {
  const line = record.line(side, row);
  return make('p', 'lines mono', `${side}: `, line === 0 ? 'no such record' : isolated(`${printable(data[side].path)}:${line}`));
}

function showDetails(row, onClose) {
  const panel = find('details');
  const close = make('button', 'quiet close', '✕');
  close.type = 'button';
  close.setAttribute('aria-label', 'Close');
  close.addEventListener('click', onClose);
  const what = make('p', 'what', record.status(row));
  what.style.setProperty('--swatch', `var(--${record.status(row)})`);
  if (!Number.isNaN(record.error(row))) {
    what.append(`: error ${shortNumber(record.error(row))}`);
    const [low, high] = [column('error_low')?.[row], column('error_high')?.[row]];
    if (high >= low) what.append(` (${shortNumber(low)} to ${shortNumber(high)})`);
    if (!Number.isNaN(record.threshold(row))) what.append(`, threshold ${shortNumber(record.threshold(row))}`);
    if (record.threshold(row) > 0) what.append(` (${ratioText(record.ratio(row))})`);
  }
  const extent = [make('h3', 'mono', isolated(nameOf(row))), make('p', 'where', isolated(tensorOf(row)), `, ${momentOf(row)}`), what];
  const detail = record.text('detail', row);
  if (detail !== '') extent.push(make('p', 'where', printable(detail)));
  const bias = column('bias')?.[row];
  if (bias !== undefined && !Number.isNaN(bias)) extent.push(make('p', 'where', `Magnitudes are off by ${bias < 0 ? '−' : '+'}${shortNumber(Math.abs(bias))}, relative.`));
  const floor = column('floor')?.[row];
  if (floor >= 0) extent.push(make('p', 'where', `Noise floor ${shortNumber(floor)}.`));
  const isMeasured = !Number.isNaN(record.error(row));
  const how = !isMeasured ? '' : column('by_sketch')[row] ? 'Error by the sketch: what is different or rearranged.' : 'Error by statistics: values in another order would not be seen.';
  panel.replaceChildren(close, ...extent, statisticsTable(row), make('p', 'where', how), lineOf('reference', row), lineOf('port', row));
  panel.hidden = false;
  panel.scrollTop = 0;
  find('split').classList.add('open');
}

function hideDetails() {
  find('details').hidden = true;
  find('split').classList.remove('open');
}
