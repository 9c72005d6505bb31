/* The chosen theme, before anything is painted; a classic script, since modules run too late for that. */
try {
  const theme = localStorage.getItem("easel.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage is closed to this page: the system's theme holds.
}
