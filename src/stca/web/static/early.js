// Runs before the page is drawn, so that it does not flash in the other colours.
document.documentElement.classList.add("js");
try {
  const theme = localStorage.getItem("stca-theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's choice counts.
}
