// The payload: one JSON of what there is once, one base64 column of what there is for each record.
const arrays = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, f32: Float32Array, f64: Float64Array };
const data = JSON.parse(document.getElementById('data').textContent);
const columns = new Map();
const waiting = new Map([...document.querySelectorAll('script[data-column]')].map((node) => [node.dataset.column, node]));

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; ++i) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

// Decoded when first asked for; statistics are not before a row is opened.
function column(name) {
  if (!columns.has(name)) {
    const node = waiting.get(name);
    columns.set(name, node ? new arrays[node.dataset.type](bytesOf(node.textContent.trim()).buffer) : null);
    if (node) node.textContent = '';
  }
  return columns.get(name);
}

const failing = data.statuses.map((status) => status.fails);
const record = {
  count: data.rows,
  text: (name, row) => data.strings[column(name)[row]],
  statusIndex: (row) => column('status')[row],
  status: (row) => data.statuses[column('status')[row]].name,
  fails: (row) => failing[column('status')[row]],
  error: (row) => column('error')[row],  // NaN: none
  threshold: (row) => column('threshold')[row],
  ratio: (row) => column('error')[row] / column('threshold')[row],
  call: (row) => column('call')[row],
  line: (side, row) => column(`${side}_line`)[row],  // 0: none
};

// Letters of a name that would steer the page instead of being seen: controls, and marks that turn the text around.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const printable = (text) =>
  text.replace(unprintable, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
const moduleName = (root, module) => {
  const name = module === '' ? '(root)' : printable(module);
  return root === '' ? name : `${printable(root)}: ${name}`;
};
const nameOf = (row) => moduleName(record.text('root', row), record.text('module', row));
const tensorOf = (row) => printable(record.text('tensor', row));

// One forward of the model: step, call and rank, as far as they were recorded.
function momentText(step, call, rank) {
  const parts = step === '' ? [`call ${call}`] : [`step ${step}`, `call ${call}`];
  if (rank !== '') parts.push(`rank ${rank}`);
  return parts.join(', ');
}
const momentOf = (row) => momentText(record.text('step', row), record.call(row), record.text('rank', row));
const shortMoment = (row) => {
  const rank = record.text('rank', row);
  return `${record.text('step', row) || '–'}/${record.call(row)}${rank === '' ? '' : `/${rank}`}`;
};

const grouping = new Intl.NumberFormat('en-US');
const counted = (count, what) => `${grouping.format(count)} ${what}${count === 1 ? '' : 's'}`;
const wordOfNonFinite = (value) => (Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞');

function shortNumber(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '' : wordOfNonFinite(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}
function ratioText(ratio) {
  if (Number.isNaN(ratio)) return '';
  if (ratio === Infinity) return '∞';
  return ratio >= 1e6 ? `${ratio.toExponential(0)}×` : `${ratio < 10 ? ratio.toFixed(2) : grouping.format(Math.round(ratio))}×`;
}

// An element of the page. Text goes in as text: no name of a trace is ever read as markup.
function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}
const find = (id) => document.getElementById(id);
const isolated = (text) => make('bdi', '', text);  // whatever direction a name runs in, its neighbours stay where they are
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
