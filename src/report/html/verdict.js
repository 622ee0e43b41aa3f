// The answer, in words, above everything else; and at the end what it rests on.
function showHeadline() {
  const { introducer, passed, counts } = data;
  const section = find('verdict');
  const wrong = counts.diverged + counts.shape + counts['non-finite'];
  section.dataset.state = passed ? 'pass' : introducer ? 'diverged' : 'incomplete';
  find('state').textContent = passed ? 'Pass' : introducer ? 'Diverged' : 'Incomplete';
  const headline = find('headline');
  if (passed) {
    const agreeing = counts.equal + counts.within + counts.reordered;
    headline.append(`${counted(agreeing, 'record')} ${agreeing === 1 ? 'agrees' : 'agree'}`);
    const excused = data.statuses.filter(({ name, fails }) => fails && counts[name] > 0);
    find('reason').textContent = excused.length === 0
      ? 'No record of the port is further from the reference than rounding explains.'
      : `Excused by --fail-on: ${excused.map(({ name }) => `${counts[name]} ${name}`).join(', ')}.`;
  } else if (!introducer) {
    headline.append(data.records === 0 ? 'Nothing was compared' : 'Not every record could be compared');
    find('reason').textContent = 'No values are known to differ, but some records have no counterpart or nothing in common.';
  } else {
    const moment = momentText(introducer.step, introducer.call, introducer.rank);
    if (introducer.outside) headline.append('The model was given other inputs');
    else headline.append(isolated(moduleName(introducer.root, introducer.module)), introducer.by_inputs ? ' introduced the error' : ' is the first that differs');
    find('reason').append(printable(introducer.reason), ` — ${moment}; ${counted(wrong, 'record')} ${wrong === 1 ? 'differs' : 'differ'} in all.`);
  }
  document.title = `${find('state').textContent}: ${headline.textContent}`;
}

function showFirstFailure(open) {
  const row = data.first_failure;
  if (row === null) return;
  const button = find('first-failure');
  button.hidden = false;
  button.append('first failure: ', isolated(`${nameOf(row)} ${tensorOf(row)}`), `, ${momentOf(row)}: ${record.status(row)}`);
  if (!Number.isNaN(record.ratio(row))) button.append(`, ${ratioText(record.ratio(row))} its threshold`);
  button.addEventListener('click', () => open(row));
}

function showDiagnosis() {
  if (data.diagnosis.length === 0) return;
  const list = find('diagnosis');
  list.hidden = false;
  for (const { kind, root, module, evidence } of data.diagnosis) {
    const where = root === '' && module === '' ? [] : [' in ', isolated(moduleName(root, module))];
    list.append(make('li', '', make('b', '', printable(kind)), ...where, make('span', 'evidence', printable(evidence))));
  }
}

function showPaths() {
  const names = [data.reference, data.port].map(({ path }) => isolated(printable(path)));
  find('paths').append(names[0], ' → ', names[1]);
  find('paths').title = find('paths').textContent;
}

function showNotes() {
  const notes = [`Thresholds: ${data.thresholds}`, ...data.left_out, ...data.notes];
  for (const side of [data.reference, data.port]) {
    for (const { file, line, message } of side.problems) notes.push(`${file || side.path}:${line}: ${message}`);
    const more = side.problem_count - side.problems.length;
    if (more > 0) notes.push(`${side.path}: ${counted(more, 'more line')} could not be read`);
  }
  find('notes').append(...notes.map((note) => make('li', '', printable(note))));
}
