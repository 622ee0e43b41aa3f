// The modules as a tree; beside each, a strip of its worst record at each step and call: layer × step.
// Severities, from nothing to worst; a module shows the worst of what it contains.
const heat = { none: 0, equal: 1, close: 2, within: 3, absent: 4, over: 5, far: 6, beyond: 7, broken: 8 };
const heatWords = ['no record', 'equal', 'below a tenth of the threshold', 'within', 'missing, extra or incomparable', 'up to 10× the threshold', 'up to 1000×', 'beyond', 'shape or non-finite'];

function severity(row) {
  switch (record.status(row)) {
    case 'equal': return heat.equal;
    case 'missing':
    case 'extra':
    case 'incomparable': return heat.absent;
    case 'shape':
    case 'non-finite': return heat.broken;
    case 'diverged': {
      const ratio = record.ratio(row);
      return ratio <= 10 ? heat.over : ratio <= 1000 ? heat.far : heat.beyond;
    }
    default: return record.ratio(row) < 0.1 ? heat.close : heat.within;
  }
}

class Module {
  constructor(name, parent) {
    this.name = name;
    this.parent = parent;
    this.depth = parent ? parent.depth + 1 : -1;
    this.children = new Map();
    this.isOpen = false;
    this.records = 0;
    this.failures = 0;
    this.severities = new Uint8Array(moments.list.length);
    this.worst = new Map();  // moment → row
  }

  child(name) {
    if (!this.children.has(name)) this.children.set(name, new Module(name, this));
    return this.children.get(name);
  }

  add(row) {
    const [moment, worse] = [moments.ofRow[row], severity(row)];
    ++this.records;
    this.failures += record.fails(row);
    if (worse > this.severities[moment]) {
      this.severities[moment] = worse;
      this.worst.set(moment, row);
    }
  }

  get path() {
    return this.parent && this.parent.depth >= 0 ? [...this.parent.path, this.name] : [this.name];
  }
}

function moduleTree() {
  const top = new Module('', null);
  const severalRoots = new Set(column('root')).size > 1;
  const found = new Map();
  const [roots, modules] = [column('root'), column('module')];
  for (let row = 0; row < record.count; ++row) {
    const key = roots[row] * data.strings.length + modules[row];
    if (!found.has(key)) {
      let node = top;
      if (severalRoots) node = node.child(data.strings[roots[row]]);
      for (const part of data.strings[modules[row]].split('.')) node = node.child(part);
      found.set(key, node);
    }
    for (let node = found.get(key); node.parent; node = node.parent) node.add(row);
  }
  top.severalRoots = severalRoots;
  // A module that has no record itself is there if one below it has.
  top.at = (root, module) => [...(severalRoots ? [root] : []), ...module.split('.')].reduce((node, part) => node?.children.get(part), top);
  return top;
}

const tree = { shown: [], active: 0, onChoose: () => {}, onOpen: () => {} };

function flatten() {
  tree.shown = [];
  const visit = (node) => {
    tree.shown.push(node);
    if (node.isOpen) node.children.forEach(visit);
  };
  tree.top.children.forEach(visit);
  find('tree').style.height = `${Math.min(14, tree.shown.length) * tree.list.rowHeight + 1}px`;
  tree.list.setCount(tree.shown.length);
}

function openAll(isWanted) {
  const visit = (node) => {
    node.isOpen = node.children.size > 0 && isWanted(node);
    node.children.forEach(visit);
  };
  tree.top.children.forEach(visit);
  tree.active = 0;
  flatten();
}

// At most this many cells in a strip: a cell narrower than a pixel would not be seen.
const mostCells = 200;

function strip(node) {
  const count = node.severities.length;
  const cells = Math.min(count, mostCells);
  const stops = [];
  for (let cell = 0; cell < cells; ++cell) {
    let worst = 0;
    for (let i = Math.floor((cell * count) / cells); i < Math.floor(((cell + 1) * count) / cells); ++i) worst = Math.max(worst, node.severities[i]);
    stops.push(`var(--heat-${worst}) ${(100 * cell) / cells}% ${(100 * (cell + 1)) / cells}%`);
  }
  const width = `calc(100% / ${cells})`;
  const gaps = cells > 60 ? '' : `repeating-linear-gradient(90deg, transparent 0 calc(${width} - 1px), var(--card) calc(${width} - 1px) ${width}), `;
  return `${gaps}linear-gradient(90deg, ${stops.join(', ')})`;
}

const momentUnder = (event, node) => {
  const box = event.target.getBoundingClientRect();
  const index = Math.floor(((event.clientX - box.left) / box.width) * node.severities.length);
  return Math.max(0, Math.min(node.severities.length - 1, index));
};

function makeTreeRow() {
  const row = make('div', '', make('span', 'name', make('span', 'twisty'), isolated('')), make('span', 'amount'), make('span', 'heat'));
  row.setAttribute('role', 'treeitem');
  return row;
}

function fillTreeRow(element, index) {
  const node = tree.shown[index];
  const [name, amount, cells] = element.children;
  name.style.paddingInlineStart = `${node.depth * 16}px`;
  name.firstChild.textContent = node.children.size > 0 ? '▸' : '';
  name.lastChild.textContent = node.name === '' ? '(root)' : printable(node.name);
  amount.textContent = node.failures === 0 ? grouping.format(node.records) : `${grouping.format(node.failures)}/${grouping.format(node.records)}`;
  cells.style.background = strip(node);
  cells.title = '';
  element.id = `tree-${index}`;
  element.classList.toggle('failed', node.failures > 0);
  element.classList.toggle('guilty', node === tree.guilty);
  element.classList.toggle('active', index === tree.active);
  element.setAttribute('aria-level', node.depth + 1);
  element.setAttribute('aria-selected', index === tree.active);
  element.setAttribute('aria-label', `${printable(node.name) || 'root'}: ${node.failures} of ${node.records} failed${node === tree.guilty ? ', introduced the error' : ''}`);
  if (node.children.size > 0) element.setAttribute('aria-expanded', node.isOpen);
  else element.removeAttribute('aria-expanded');
}

function activateModule(index) {
  if (index < 0 || index >= tree.shown.length) return;
  tree.active = index;
  find('tree').setAttribute('aria-activedescendant', `tree-${index}`);
  tree.list.refresh();
  tree.list.reveal(index);
}

function toggleModule(index) {
  const node = tree.shown[index];
  if (node.children.size === 0) return;
  node.isOpen = !node.isOpen;
  flatten();
  activateModule(index);
}

function treeKey(event) {
  const node = tree.shown[tree.active];
  if (!node) return;
  const to = movedBy(event, tree.active, tree.list);
  if (to !== undefined) activateModule(to);
  else if (event.key === 'ArrowRight' && node.children.size > 0) node.isOpen ? activateModule(tree.active + 1) : toggleModule(tree.active);
  else if (event.key === 'ArrowLeft') node.isOpen ? toggleModule(tree.active) : activateModule(tree.shown.indexOf(node.parent));
  else if (event.key === 'Enter') tree.onChoose(node);
  else if (event.key === ' ') toggleModule(tree.active);
  else return;
  event.preventDefault();
}

function treeClick(event) {
  const index = tree.list.indexOf(event);
  if (index < 0) return;
  const node = tree.shown[index];
  activateModule(index);
  if (event.target.classList.contains('heat')) {
    const row = node.worst.get(momentUnder(event, node));
    if (row !== undefined) tree.onOpen(row);
  } else if (event.target.classList.contains('twisty')) {
    toggleModule(index);
  } else {
    tree.onChoose(node);
  }
}

function startTree({ onChoose, onOpen }) {
  Object.assign(tree, { onChoose, onOpen, top: moduleTree() });
  tree.list = new VirtualList(find('tree'), 24, { make: makeTreeRow, fill: fillTreeRow });
  const { introducer } = data;
  if (introducer && !introducer.outside) tree.guilty = tree.top.at(introducer.root, introducer.module);
  const hasFailure = (node) => node.failures > 0;
  // A tree of one trunk opens at its first fork.
  const isTrunk = (node) => node.parent.children.size === 1;
  openAll((node) => hasFailure(node) || isTrunk(node));
  find('tree-failures').addEventListener('click', () => openAll(hasFailure));
  find('tree-expand').addEventListener('click', () => openAll(() => true));
  find('tree-collapse').addEventListener('click', () => openAll(() => false));
  find('tree').addEventListener('keydown', treeKey);
  find('tree').addEventListener('click', treeClick);
  find('tree').addEventListener('pointermove', (event) => {
    if (!event.target.classList.contains('heat')) return;
    const node = tree.shown[tree.list.indexOf(event)];
    const moment = momentUnder(event, node);
    event.target.title = `${moments.list[moment].text}: ${heatWords[node.severities[moment]]}`;
  });
  const ends = moments.list.length > 1 ? [moments.list[0], moments.list.at(-1)] : moments.list;
  find('heat-axis').append(...ends.map(({ text }) => make('span', '', text)));
  const present = new Set();
  for (const node of tree.top.children.values()) node.severities.forEach((value) => present.add(value));
  for (let row = 0; row < record.count; ++row) present.add(severity(row));
  for (const level of [...present].sort()) {
    const swatch = make('i', '');
    swatch.style.setProperty('--swatch', `var(--heat-${level})`);
    find('heat-legend').append(make('span', '', swatch, heatWords[level]));
  }
}
