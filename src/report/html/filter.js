// Which records are shown: by name, by status, within a subtree.
const filter = { words: () => true, statuses: new Set(), subtree: null };

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
const globPattern = (word) => new RegExp(escaped(word).replaceAll('\\*', '.*').replaceAll('\\?', '[^ ]'), 'i');

// Words that must all stand in the name, * and ? as in a glob (? is no space, which ends the module's name), or a regular expression between slashes.
function nameTest(text) {
  const regex = /^\/(.*?)\/?$/.exec(text);
  const patterns = regex ? [new RegExp(regex[1])] : text.split(/\s+/).filter(Boolean).map(globPattern);
  return (name) => patterns.every((pattern) => pattern.test(name));
}

const isWithin = (module, subtree) => module === subtree || module.startsWith(`${subtree}.`);

function filteredRows() {
  const [roots, modules, tensors, statuses] = ['root', 'module', 'tensor', 'status'].map(column);
  const known = new Map();  // names repeat at each step: each is tested once
  const passes = (row) => {
    const key = `${roots[row]} ${modules[row]} ${tensors[row]}`;
    if (!known.has(key)) {
      const [root, module] = [data.strings[roots[row]], data.strings[modules[row]]];
      const { subtree } = filter;
      const isInSubtree = !subtree || ((subtree.root === null || root === subtree.root) && (subtree.module === null || isWithin(module, subtree.module)));
      known.set(key, isInSubtree && filter.words(`${nameOf(row)} ${data.strings[tensors[row]]}`));
    }
    return known.get(key);
  };
  const rows = [];
  for (let row = 0; row < record.count; ++row) {
    if ((filter.statuses.size === 0 || filter.statuses.has(statuses[row])) && passes(row)) rows.push(row);
  }
  return rows;
}

function startFilter(onChange) {
  const input = find('filter');
  input.addEventListener('input', () => {
    find('filter-wrong').hidden = true;
    try {
      filter.words = nameTest(input.value.trim());
    } catch (error) {
      find('filter-wrong').textContent = `Not a regular expression: ${error.message}`;
      find('filter-wrong').hidden = false;
      return;
    }
    onChange();
  });
  data.statuses.forEach(({ name }, index) => {
    if (!data.counts[name]) return;
    const chip = make('button', 'chip', make('span', 'dot'), name, make('b', '', grouping.format(data.counts[name])));
    chip.type = 'button';
    chip.dataset.status = name;
    chip.style.setProperty('--swatch', `var(--${name})`);
    chip.setAttribute('aria-pressed', 'false');
    chip.addEventListener('click', () => {
      if (!filter.statuses.delete(index)) filter.statuses.add(index);
      chip.setAttribute('aria-pressed', filter.statuses.has(index));
      onChange();
    });
    find('statuses').append(chip);
  });
  find('subtree').addEventListener('click', () => {
    chooseSubtree(null);
    onChange();
  });
}

function chooseSubtree(subtree) {
  filter.subtree = subtree;
  const chip = find('subtree');
  chip.hidden = !subtree;
  if (subtree) chip.replaceChildren('in ', isolated(subtree.module === null ? printable(subtree.root) : moduleName(subtree.root ?? '', subtree.module)), ' ✕');
}

function clearFilter() {
  filter.words = () => true;
  filter.statuses.clear();
  find('filter').value = '';
  find('filter-wrong').hidden = true;
  for (const chip of find('statuses').children) chip.setAttribute('aria-pressed', 'false');
  chooseSubtree(null);
}
