// @ts-check
/// <reference lib="dom" />
/** Asks before something is done that can't be taken back, and does what was asked for. */

import { messageOf, send } from "../api.js";
import { html, nothing, render } from "../lit.js";
import { toast } from "./toast.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {import("../view.js").Shown} [text]
 * @property {string} yes the button that does it
 * @property {boolean} [isGrave]
 */

/** The question that is asked now. @type {HTMLDialogElement | undefined} */
let asked;

/** Calls off a question whose view is left: it would be answered beside what it is about. */
export function callOff() {
  asked?.close("");
}

/**
 * Resolves to what the form says, or undefined if it was called off. The focus is where dialogs have it: in the
 * first field, or on the button that does nothing.
 *
 * @param {Question} question
 * @returns {Promise<FormData | undefined>}
 */
export function ask({ title, text = nothing, yes, isGrave = false }) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "question");
  const { promise, resolve } = Promise.withResolvers();
  const form = () => /** @type {HTMLFormElement} */ (dialog.querySelector("form"));
  const no = () => dialog.close("");
  render(
    html`
      <form method="dialog">
        <h2 id="question">${title}</h2>
        <div class="question">${text}</div>
        <div class="answers">
          <button type="button" @click=${no}>Not now</button>
          <button class=${isGrave ? "grave" : "main"} value="yes">${yes}</button>
        </div>
      </form>
    `,
    dialog,
  );
  dialog.addEventListener("close", () => {
    resolve(dialog.returnValue === "yes" ? new FormData(form()) : undefined);
    dialog.remove();
    if (asked === dialog) asked = undefined;
  });
  asked = dialog;
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

/**
 * Calls the API and says how it went; resolves to its answer, or undefined if it was refused.
 *
 * @param {"POST" | "DELETE"} method
 * @param {string} apiPath
 * @param {unknown} body
 * @param {string | ((answer: any) => string)} done what to say when it is done
 */
export async function act(method, apiPath, body, done) {
  try {
    const answer = await send(method, apiPath, body);
    toast(typeof done === "string" ? done : done(answer));
    return answer;
  } catch (failure) {
    toast(messageOf(failure), { isFault: true });
    return undefined;
  }
}
