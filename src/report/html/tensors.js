// Where inside a tensor two runs part: a picture of the error over the two largest axes, and a strip along each axis.
const heatLevels = 8;
const decadesShown = 4;

// 0: no difference; else from 1, for what is decadesShown below the largest, to heatLevels.
function heatLevel(error, largest) {
  const size = Number(error);
  if (size === 0) return 0;
  if (!Number.isFinite(size) || !Number.isFinite(largest)) return heatLevels;
  const level = heatLevels + (heatLevels / decadesShown) * Math.log10(size / largest);
  return Math.max(1, Math.min(heatLevels, Math.ceil(level)));
}

const svgNamespace = find('drawing').namespaceURI;
function makeSvg(tag, attributes) {
  const element = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// Cells in rows; a path for each level, so that the colours follow the theme.
function heatMap(errors, columns, description) {
  const rows = errors.length / columns;
  const largest = Math.max(...errors.map(Number));
  const cells = Array.from({ length: heatLevels + 1 }, () => '');
  errors.forEach((error, i) => {
    cells[heatLevel(error, largest)] += `M${i % columns} ${Math.floor(i / columns)}h1v1h-1z`;
  });
  const picture = makeSvg('svg', { viewBox: `0 0 ${columns} ${rows}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': description });
  cells.forEach((path, level) => {
    if (path !== '') picture.append(makeSvg('path', { d: path, fill: `var(--heat-${level})` }));
  });
  return picture;
}

// Of more than `most` neighbours the largest.
function thinned(errors, most) {
  const width = Math.ceil(errors.length / most);
  return Array.from({ length: Math.ceil(errors.length / width) }, (_, i) => Math.max(...errors.slice(i * width, (i + 1) * width).map(Number)));
}

function axisStrip(axis, number) {
  const sizes = axis.errors.map(Number);
  const worst = sizes.indexOf(Math.max(...sizes)) * axis.width;
  const description = `axis ${number} (${grouping.format(axis.size)}): most at ${worst}`;
  const strip = thinned(axis.errors, 240);
  const figure = make('figure', 'strip', heatMap(strip, strip.length, description));
  figure.append(make('figcaption', '', description));
  return figure;
}

function mapFigure(map) {
  const description = `axis ${map.row_axis} downwards, axis ${map.column_axis} across`;
  return make('figure', 'map', heatMap(map.errors, map.columns, `error: ${description}`), make('figcaption', '', description));
}

const elementText = (what, pair) =>
  `${what} at [${pair.index.join(', ')}]: ${shortNumber(Number(pair.reference)) || 'NaN'} in the reference, ${shortNumber(Number(pair.port)) || 'NaN'} in the port`;

function ulpText(diff) {
  const all = diff.ulps.reduce((sum, count) => sum + count, 0);
  const bound = (i) => (i === 0 ? '0' : i === 1 ? '≤ ½' : i < 22 ? `≤ ${2 ** (i - 2)}` : `≤ 2^${i - 2}`);
  const shares = diff.ulps.map((count, i) => (count === 0 ? '' : `${bound(i)}: ${shortNumber((100 * count) / all)} %`));
  return `units of the last place of ${diff.ulp_dtype}: ${shares.filter((text) => text !== '').join(', ')}`;
}

function facts(diff) {
  const dtypes = diff.reference_dtype === diff.port_dtype ? diff.reference_dtype : `${diff.reference_dtype} and ${diff.port_dtype}`;
  const lines = [`[${diff.shape.join(', ')}] ${dtypes}`];
  if (diff.differing === 0) return [...lines, 'equal'];
  const cosine = diff.cosine === null ? '' : `, 1 − cosine ${shortNumber(Math.max(0, 1 - diff.cosine))}`;
  lines.push(`${grouping.format(diff.differing)} of ${counted(diff.elements, 'number')} differ, relative L2 ${shortNumber(Number(diff.relative_l2))}${cosine}`);
  if (diff.worst) lines.push(elementText('worst', diff.worst));
  if (diff.first_non_finite) lines.push(elementText(`${counted(diff.non_finite_mismatches, 'pair')} not finite in the same way, the first`, diff.first_non_finite));
  return [...lines, ulpText(diff)];
}

function tensorCard({ root, module, tensor, step, call, rank, trouble, diff }) {
  const card = make('article', 'tensor', make('h3', 'mono', isolated(moduleName(root, module))));
  card.append(make('p', 'where', isolated(printable(tensor)), `, ${momentText(step ?? '', call, rank ?? '')}`));
  if (!diff) {
    card.append(make('p', 'where', printable(trouble)));
    return card;
  }
  for (const line of facts(diff)) card.append(make('p', 'fact', line));
  if (diff.differing === 0) return card;
  if (diff.map) card.append(mapFigure(diff.map));
  diff.axes.forEach((axis, number) => {
    if (axis.size > 1) card.append(axisStrip(axis, number));
  });
  return card;
}

function showTensors() {
  if (!data.tensors) return;
  find('tensor-list').append(...data.tensors.compared.map(tensorCard));
  find('tensor-legend').textContent = `Colours of a picture span ${decadesShown} decades below its largest error; grey is no difference at all.`;
  find('tensors').hidden = false;
}
