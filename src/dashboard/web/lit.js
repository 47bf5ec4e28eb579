// @ts-check
/**
 * What the pages use of lit-html, from one place. `mod.ts` serves this file with the package's names
 * made paths, as an import map would, which the page's security policy has no room for.
 */
export { html, nothing, render, svg } from "lit-html";
export { repeat } from "lit-html/directives/repeat.js";
