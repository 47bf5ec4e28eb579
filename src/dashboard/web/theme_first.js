// @ts-check
/// <reference lib="dom" />
/**
 * Applies the theme that was chosen here before anything is painted. A plain script, since modules
 * run after the first paint.
 */
(() => {
  try {
    const chosen = localStorage.getItem("conductor-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage is forbidden here: the system's theme it is.
  }
})();
