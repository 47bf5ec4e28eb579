// @ts-check
/// <reference lib="dom" />
/** Where the page starts: who is there, which view the address means, and drawing it. */

import { ApiError, messageOf, unanswered, whenForbidden, whenUnknown } from "./api.js";
import { announce } from "./announce.js";
import { html, nothing, render } from "./lit.js";
import { Live } from "./live.js";
import { callOff } from "./parts/ask.js";
import { faultBox } from "./parts/states.js";
import { currentRoute } from "./router.js";
import { Session } from "./session.js";
import { shell } from "./shell.js";
import { loginView } from "./views/login.js";
import { viewLoader } from "./views.js";

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const session = new Session();

/** Ends everything that runs for a logged-in caller. */
let life = new AbortController();
let live = new Live();
/** Ends what runs for the view that is shown. */
let visit = new AbortController();
/** @type {() => import("./view.js").Shown} */
let look = () => nothing;
let title = "";
/** Of the view that is shown, and its first part. */
let address = "";
let section = "";
let isDrawing = false;
/** The files of the view that the address means could not be fetched. */
let isUnavailable = false;

function update() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    draw();
  });
}

function draw() {
  const shown = session.caller === undefined ? look() : shell({
    session,
    live,
    title,
    content: look(),
    address,
    section,
    onLogout: logout,
    update,
  });
  const focused = document.activeElement;
  render(shown, root);
  // A button may go with what it did, and the focus with it: who uses the keyboard goes on from the heading.
  const isLost = focused?.isConnected === false && document.activeElement === document.body;
  if (isLost) focusStart();
}

/** Where the keyboard begins in a view: at what it asks for, or its heading. */
function focusStart() {
  const start = document.querySelector("[autofocus]") ?? document.querySelector("h1");
  if (start instanceof HTMLElement) start.focus({ preventScroll: true });
}

/** @param {string} name */
function entitle(name) {
  if (title === name) return;
  title = name;
  document.title = name === "" ? "Conductor" : `${name} · Conductor`;
}

/** Shows what the address means. */
async function visitCurrent() {
  visit.abort();
  visit = new AbortController();
  callOff();
  const { signal } = visit;
  const route = currentRoute();
  const load = session.caller === undefined ? () => Promise.resolve(loginView) : viewLoader(route);
  const context = { route, session, live, signal, update, title: entitle };
  try {
    isUnavailable = false;
    section = route.path[0] ?? "";
    const view = await load().catch(notFetched);
    if (signal.aborted) return;
    address = location.hash;
    look = view(context);
    if (session.caller === undefined) addEventListener("conductor-login", begin, { signal });
  } catch (failure) {
    if (signal.aborted) return;
    entitle("Unavailable");
    isUnavailable = failure instanceof ApiError && failure.status === 0;
    look = () => faultBox(failure, visitCurrent);
  }
  draw();
  scrollTo(0, 0);
  // On a narrow screen the sections are a row that is wider than the screen.
  document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest" });
}

/**
 * What a browser says of files that it could not fetch is of modules and their addresses.
 *
 * @param {unknown} failure
 * @returns {never}
 */
function notFetched(failure) {
  throw failure instanceof TypeError ? unanswered() : failure;
}

/** Starts what a known caller sees. */
function begin() {
  life.abort();
  life = new AbortController();
  live = new Live();
  if (session.may("GET", "events")) live.start(life.signal);
  live.on("state", (state) => {
    if (state === "lost") askWhoIsThere();
    // By whole: what failed to be fetched a browser may remember, and the program may be another one.
    if (state === "open" && isUnavailable) return location.reload();
    update();
  }, life.signal);
  live.on("cluster", update, life.signal);
  visitCurrent();
}

/**
 * A stream does not say why it broke: the session may have ended, which leads to the login, or the role may allow
 * other things now, of which other things are shown.
 */
async function askWhoIsThere() {
  if (session.caller === undefined) return;
  try {
    if (await session.renew()) begin();
  } catch (failure) {
    // Nobody answers: that the connection is lost is shown, and the stream tries again.
    if (!(failure instanceof ApiError)) throw failure;
  }
}

/** Back to the login, because of a logout or because the session has ended. */
function leave() {
  if (session.caller === undefined) return;
  session.end();
  life.abort();
  visitCurrent();
}

async function logout() {
  try {
    await session.logout();
  } catch (failure) {
    announce(messageOf(failure));
  }
  session.end();
  life.abort();
  visitCurrent();
}

addEventListener("hashchange", async () => {
  await visitCurrent();
  focusStart();
  if (title !== "") announce(title);
});
whenUnknown(leave);
whenForbidden(askWhoIsThere);

try {
  await session.begin();
  if (session.caller === undefined) await visitCurrent();
  else begin();
} catch (failure) {
  render(html`<main class="alone">${faultBox(failure, () => location.reload())}</main>`, root);
}
