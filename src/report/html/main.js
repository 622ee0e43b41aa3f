// Puts the parts together; keys that hold everywhere.
function subtreeOf(node) {
  const path = node.path;
  if (!tree.top.severalRoots) return { root: null, module: path.join('.') };
  return { root: path[0], module: path.length === 1 ? null : path.slice(1).join('.') };
}

function pageKey(event) {
  const isTyping = event.target === find('filter');
  if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    find('filter').focus();
    find('filter').select();
  } else if (event.key === 'Escape' && isTyping) {
    clearFilter();
    updateTable();
    find('table').focus();
  } else if (event.key === 'Escape' && !find('details').hidden) {
    closeDetails();
  } else if (event.key === 'Escape') {
    clearFilter();
    updateTable();
  } else if (isTyping && (event.key === 'Enter' || event.key === 'ArrowDown')) {
    find('table').focus();
    activateRow(Math.max(0, table.active));
  } else {
    return;
  }
  event.preventDefault();
}

showTheme();
showPaths();
showHeadline();
showDiagnosis();
showNotes();
startFilter(updateTable);
startTable();
startChart(openRecord);
startTree({
  onChoose: (node) => {
    chooseSubtree(subtreeOf(node));
    updateTable();
  },
  onOpen: openRecord,
});
showFirstFailure(openRecord);
showTensors();
document.addEventListener('keydown', pageKey);
if (data.first_failure !== null) activateRow(table.rows.indexOf(data.first_failure));
if (tree.guilty) activateModule(tree.shown.indexOf(tree.guilty));
document.documentElement.dataset.ready = '';
