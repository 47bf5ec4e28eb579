// @ts-check
/// <reference lib="dom" />
/** Light or dark: as the system, or as chosen here. */

const KEY = "conductor-theme";

/** @returns {"system" | "light" | "dark"} */
export function themeName() {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** From the system's to light to dark and back. */
export function nextTheme() {
  const next = { system: "light", light: "dark", dark: "system" }[themeName()];
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is forbidden here: the choice holds for this visit.
  }
}
