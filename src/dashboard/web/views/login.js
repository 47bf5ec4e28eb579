// @ts-check
/// <reference lib="dom" />
/** Asks for a token, when the API wants to know who calls. */

import { messageOf } from "../api.js";
import { html, nothing } from "../lit.js";
import { icon } from "../parts/icons.js";

/** @type {import("../view.js").View} */
export function loginView(context) {
  const { session, update } = context;
  context.title("Log in");
  let fault = "";
  let isBusy = false;
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("token"));
    isBusy = true;
    update();
    try {
      await session.login(field.value.trim());
      field.value = "";
      dispatchEvent(new CustomEvent("conductor-login"));
    } catch (failure) {
      fault = messageOf(failure);
      field.select();
    }
    isBusy = false;
    update();
  };
  return () =>
    html`
      <main class="login">
        <form class="panel" @submit=${submit} aria-label="Log in">
          <p class="brand">${icon("logo")}<span>Conductor</span></p>
          <h1 tabindex="-1">Log in</h1>
          <label><span>Access token</span>
            <input name="token" type="password" required autocomplete="current-password"
              spellcheck="false" autofocus aria-describedby="token-hint"></label>
          <p id="token-hint" class="note">As <code>conductor token issue</code> prints it. It is kept in a
            cookie that scripts can't read, until it ends.</p>
          ${fault === "" ? nothing : html`<p class="error" role="alert">${fault}</p>`}
          <button class="main" ?disabled=${isBusy}>Log in</button>
        </form>
      </main>
    `;
}
