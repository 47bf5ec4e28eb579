// @ts-check
/** For addresses that mean nothing. */

import { html } from "../lit.js";
import { heading } from "../parts/page.js";
import { href } from "../router.js";

/** @type {import("../view.js").View} */
export function lostView(context) {
  context.title("Nothing here");
  return () =>
    html`${heading("Nothing here")}<p>There is no view at this address.
      <a href=${href([])}>Back to the overview</a></p>`;
}
