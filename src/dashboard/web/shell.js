// @ts-check
/// <reference lib="dom" />
/** What surrounds every view: where one is, where one can go, who one is, whether it is live. */

import { countText, momentText } from "./format.js";
import { html, nothing } from "./lit.js";
import { connectionOf } from "./live.js";
import { icon } from "./parts/icons.js";
import { href } from "./router.js";
import { nextTheme, themeName } from "./theme.js";

/**
 * @typedef {object} ShellOptions
 * @property {import("./session.js").Session} session
 * @property {import("./live.js").Live} live
 * @property {string} title
 * @property {string} address of the view that is shown
 * @property {string} section first part of it
 * @property {import("./view.js").Shown} content
 * @property {() => void} onLogout
 * @property {() => void} update
 */

/** Route that a section needs, and how it is called. */
const SECTIONS = /** @type {const} */ ([
  ["", "Overview", "cluster"],
  ["jobs", "Jobs", "jobs"],
  ["queues", "Queues", "queues"],
  ["batches", "Batches", "batches"],
  ["schedules", "Schedules", "schedules"],
  ["workers", "Workers", "workers"],
  ["dead-letters", "Dead letters", "dead-letters"],
  ["audit", "Audit", "audit"],
]);

/** @param {ShellOptions} options */
export function shell(options) {
  const { title, content, address } = options;
  return html`
    <a class="skip" href="#content" @click=${skip}>Skip to content</a>
    <header class="top">
      <a class="brand" href=${href([])}>${icon("logo")}<span>Conductor</span></a>
      ${navigation(options)}
      <div class="about">${connection(options)} ${person(options, themeButton(options))}</div>
    </header>
    <main id="content" tabindex="-1" aria-label=${title} data-address=${address}
    >${oldness(options)}${content}</main>
    <div id="toasts" class="toasts"></div>
  `;
}

/** @param {ShellOptions} options */
function navigation({ session, live, section }) {
  const counts = countsOf(live.cluster);
  return html`
    <nav aria-label="Sections">
      <ul>
        ${SECTIONS.filter(([, , route]) => session.may("GET", route)).map(([path, name]) =>
          html`
            <li>
              <a
                href=${href(path === "" ? [] : [path])}
                aria-current=${path === section ? "page" : nothing}
              >${icon(path === "" ? "overview" : path)}<span>${name}</span>${count(
                path,
                counts,
              )}</a>
            </li>
          `
        )}
      </ul>
    </nav>
  `;
}

/**
 * @param {string} path
 * @param {Readonly<Record<string, number>>} counts
 */
function count(path, counts) {
  const many = counts[path] ?? 0;
  if (many === 0) return nothing;
  const label = path === "jobs" ? "unfinished" : path === "dead-letters" ? "in all" : "active";
  return html`
    <span class=${path === "dead-letters" ? "count bad" : "count"}
    >${countText(many)}<span class="unseen"> ${label}</span></span>
  `;
}

/**
 * @param {import("./live.js").ClusterEvent | undefined} cluster
 * @returns {Readonly<Record<string, number>>}
 */
function countsOf(cluster) {
  if (cluster === undefined) return {};
  const { waiting = 0, pending = 0, assigned = 0, running = 0, dead_letters = 0 } = cluster.jobs;
  return {
    jobs: waiting + pending + assigned + running,
    workers: cluster.workers.active,
    "dead-letters": dead_letters,
  };
}

/** @param {ShellOptions} options */
function connection({ live, session }) {
  if (!session.may("GET", "events")) return nothing;
  const { kind, text } = connectionOf(live);
  const node = live.cluster?.node_id ?? session.caller?.node_id ?? "";
  return html`
    <p class="connection ${kind}" title=${`Data of ${node}`}>
      <span class="dot" aria-hidden="true"></span><span>${text}</span>
      <span class="node">${node}</span>
    </p>
  `;
}

/** A stream that is opened anew now and then is no news. */
const OLD_MS = 2_000;

/**
 * What is shown looks as true as ever while nothing comes any more.
 *
 * @param {ShellOptions} options
 */
function oldness({ live: { lostAtMs, cluster } }) {
  if (lostAtMs === undefined || Date.now() - lostAtMs < OLD_MS) return nothing;
  return html`
    <p class="old"
      role="status">${icon("failed")}<span>${cluster?.node_id ??
        "This master"} does not answer: what is shown here is of ${momentText(lostAtMs)}.</span></p>
  `;
}

/** @param {ShellOptions} options */
function themeButton({ update }) {
  const name = themeName();
  const press = () => {
    nextTheme();
    update();
  };
  return html`
    <button class="quiet icon-only" type="button" @click=${press} title=${`Theme: ${name}`}
      aria-label=${`Theme: ${name}. Change it`}>${icon(`theme-${name}`)}</button>
  `;
}

/**
 * @param {ShellOptions} options
 * @param {import("./view.js").Shown} beside
 */
function person({ session, onLogout }, beside) {
  const { caller } = session;
  if (caller === undefined || !caller.login_required) return beside;
  return html`
    <span class="person" title=${`Roles: ${caller.roles.join(", ") || "none"}`}>
      ${caller.user_id}
    </span>
    ${beside}
    ${caller.login === "cookie"
      ? html`<button class="quiet" type="button" @click=${onLogout}>Log out</button>`
      : nothing}
  `;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault(); // the hash is the view's address
  document.getElementById("content")?.focus();
}
