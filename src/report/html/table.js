// The records that pass the filter, in the order of execution or sorted by a column.
const table = { rows: [], active: -1, sort: null, descending: true };

const unordered = (value) => (Number.isNaN(value) ? -Infinity : value);  // what has no number comes after what has
const tableColumns = [
  { key: 'status', title: 'status', value: record.statusIndex },
  { key: 'module', title: 'module, tensor', text: (row) => `${nameOf(row)} ${tensorOf(row)}` },
  { key: 'moment', title: 'step/call', isNumber: true },
  { key: 'error', title: 'error', value: (row) => unordered(record.error(row)), isNumber: true },
  { key: 'threshold', title: 'threshold', value: (row) => unordered(record.threshold(row)), isNumber: true },
  { key: 'ratio', title: 'ratio', value: (row) => unordered(record.ratio(row)), isNumber: true },
];

function sortRows() {
  const chosen = tableColumns.find(({ key }) => key === table.sort);
  if (!chosen) return;
  const sign = table.descending ? -1 : 1;
  if (chosen.text) {
    const texts = new Map(table.rows.map((row) => [row, chosen.text(row)]));
    table.rows.sort((a, b) => sign * (texts.get(a) < texts.get(b) ? -1 : texts.get(a) > texts.get(b) ? 1 : 0) || a - b);
  } else {
    table.rows.sort((a, b) => sign * Math.sign(chosen.value(a) - chosen.value(b) || 0) || a - b);
  }
}

// The active row stays the active one, wherever it is now.
function updateTable() {
  const row = table.rows[table.active];
  table.rows = filteredRows();
  sortRows();
  table.active = row === undefined ? -1 : table.rows.indexOf(row);
  table.list.setCount(table.rows.length);
  find('nothing').hidden = table.rows.length > 0;
  find('shown').textContent = table.rows.length === data.records ? counted(data.records, 'record') : `${grouping.format(table.rows.length)} of ${counted(data.records, 'record')}`;
  for (const head of find('table-head').children) head.setAttribute('aria-sort', head.dataset.key !== table.sort ? 'none' : table.descending ? 'descending' : 'ascending');
  find('table').setAttribute('aria-rowcount', table.rows.length + 1);
  if (table.active >= 0) table.list.reveal(table.active);
}

function sortBy(key) {
  if (key === 'moment') table.sort = null;  // the order of execution
  else if (table.sort !== key) [table.sort, table.descending] = [key, key !== 'module'];
  else if (table.descending === (key !== 'module')) table.descending = !table.descending;
  else table.sort = null;
  updateTable();
}

function makeTableRow() {
  const cell = (className, ...content) => {
    const element = make('span', className, ...content);
    element.setAttribute('role', 'gridcell');
    return element;
  };
  const row = make(
    'div', '',
    cell('status', make('span', 'dot'), make('span', 'word')),
    cell('module', isolated(''), make('span', 'tensor', isolated(''))),
    cell('moment number'), cell('error number'), cell('threshold number'), cell('ratio number'),
  );
  row.setAttribute('role', 'row');
  return row;
}

function fillTableRow(element, index) {
  const row = table.rows[index];
  const [status, module, moment, error, threshold, ratio] = element.children;
  element.id = `row-${index}`;
  element.style.setProperty('--swatch', `var(--${record.status(row)})`);
  element.classList.toggle('fails', record.fails(row));
  element.classList.toggle('active', index === table.active);
  element.setAttribute('aria-rowindex', index + 2);
  element.setAttribute('aria-selected', index === table.active);
  status.lastChild.textContent = record.status(row);
  module.firstChild.textContent = nameOf(row);
  module.lastChild.firstChild.textContent = tensorOf(row);
  module.title = module.textContent;
  moment.textContent = shortMoment(row);
  error.textContent = shortNumber(record.error(row));
  threshold.textContent = shortNumber(record.threshold(row));
  ratio.textContent = record.threshold(row) > 0 ? ratioText(record.ratio(row)) : '';
}

function activateRow(index) {
  if (index < 0 || index >= table.rows.length) return;
  table.active = index;
  find('table').setAttribute('aria-activedescendant', `row-${index}`);
  table.list.refresh();
  table.list.reveal(index);
  if (!find('details').hidden) showDetails(table.rows[index], closeDetails);
}

function closeDetails() {
  hideDetails();
  find('table').focus({ preventScroll: true });
}

// Opens a record from elsewhere on the page; the filter gives way if it hides the record.
function openRecord(row) {
  if (!table.rows.includes(row)) {
    clearFilter();
    updateTable();
  }
  showDetails(row, closeDetails);
  activateRow(table.rows.indexOf(row));
  find('records').scrollIntoView({ block: 'nearest' });
  find('table').focus({ preventScroll: true });
}

function nextFailure(direction) {
  const { rows } = table;
  for (let index = table.active + direction; index >= 0 && index < rows.length; index += direction) {
    if (record.fails(rows[index])) return activateRow(index);
  }
}

function tableKey(event) {
  const to = movedBy(event, table.active, table.list);
  if (to !== undefined) activateRow(to);
  else if (event.key === 'Enter' && table.active >= 0) showDetails(table.rows[table.active], closeDetails);
  else if (event.key === 'n') nextFailure(1);
  else if (event.key === 'N') nextFailure(-1);
  else return;
  event.preventDefault();
}

function startTable() {
  for (const { key, title, isNumber } of tableColumns) {
    const head = make('button', `${key}${isNumber ? ' number' : ''}`, title);
    head.type = 'button';
    head.dataset.key = key;
    head.setAttribute('role', 'columnheader');
    head.title = key === 'moment' ? 'In the order of execution' : `Sort by ${title}`;
    head.addEventListener('click', () => sortBy(key));
    find('table-head').append(head);
  }
  table.list = new VirtualList(find('rows'), 28, { make: makeTableRow, fill: fillTableRow });
  find('table').addEventListener('keydown', (event) => {
    if (event.target === find('table')) tableKey(event);
  });
  find('rows').addEventListener('click', (event) => {
    const index = table.list.indexOf(event);
    if (index < 0) return;
    showDetails(table.rows[index], closeDetails);
    activateRow(index);
  });
  updateTable();
}
