// Light and dark: as the system says, until the button is pressed.
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');
const themeListeners = [];

function storedTheme() {
  try {
    return localStorage.getItem('fvtrace-theme');
  } catch {
    return null;  // a page from a file may have no storage
  }
}
let chosenTheme = storedTheme();

function showTheme() {
  const isDark = chosenTheme ? chosenTheme === 'dark' : systemIsDark.matches;
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  find('theme').textContent = isDark ? '☀ Light' : '☾ Dark';
  for (const listener of themeListeners) listener();
}

find('theme').addEventListener('click', () => {
  chosenTheme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem('fvtrace-theme', chosenTheme);
  } catch {
    // then it is chosen for this visit only
  }
  showTheme();
});
systemIsDark.addEventListener('change', showTheme);
