// @ts-check
/** One schedule: what it makes, when it comes next, how it went. */

import { get, path } from "../api.js";
import { Feed } from "../feed.js";
import { countText, momentText } from "../format.js";
import { html, nothing } from "../lit.js";
import { parseExactly } from "../parts/exact_json.js";
import { jsonTree } from "../parts/json_tree.js";
import { ago, moment, msOf, orNone } from "../parts/moment.js";
import { heading, panel } from "../parts/page.js";
import { standingBadge } from "../parts/status.js";
import { errorText, fed } from "../parts/states.js";
import { factList } from "../parts/table.js";
import { href, within } from "../router.js";
import { timingText } from "../timing.js";
import { scheduleActions, standingOf } from "./schedules.js";

const NEXT_RUNS = 10;

/** @type {import("../view.js").View} */
export function scheduleView(context) {
  const [, name = ""] = context.route.path;
  const namespace = within(context.route.query.get("namespace"));
  context.title(`Schedule ${name}`);
  const feed = new Feed(
    context,
    (signal) => get(path`schedules/${name}`, { next_runs: NEXT_RUNS, ...namespace }, signal),
    { everyMs: 5_000, followsJobs: true },
  );
  return () =>
    fed(feed, ({ schedule, next_runs }) =>
      html`
        ${heading(name, {
          back: [href(["schedules"]), "Schedules"],
          note: standingBadge(standingOf(schedule)),
          actions: html`<a class="button" href=${
            href(["jobs"], { schedule: name, ...namespace })
          }>Its jobs</a>
            ${scheduleActions(schedule, context.session, () => feed.reload(), false)}`,
        })}
        ${schedule.last_fault === ""
          ? nothing
          : errorText(`${faultTime(schedule)}: ${schedule.last_fault}`)}
        <div class="halves">
          ${panel("Next runs", nextRuns(schedule, next_runs))}
          ${panel("Facts", factList(facts(schedule)))}
        </div>
        ${panel("What each run is", jsonTree(withoutDefaults(schedule.definition.job)))}
      `);
}

/** @param {import("../wire.js").Schedule} schedule */
function faultTime({ last_fault_at }) {
  const ms = msOf(last_fault_at);
  return ms === undefined ? "At some time" : momentText(ms);
}

/**
 * @param {import("../wire.js").Schedule} schedule
 * @param {readonly string[]} runs
 */
function nextRuns({ paused }, runs) {
  if (runs.length === 0) return html`<p class="none">It has no more runs.</p>`;
  return html`
    ${paused ? html`<p class="note">It is paused: these pass by.</p>` : nothing}
    <ol class="runs">${runs.map((at) =>
      html`<li>${moment(at)} <span class="note">${ago(at)}</span></li>`
    )}</ol>
  `;
}

/**
 * @param {import("../wire.js").Schedule} schedule
 * @returns {[string, import("../view.js").Shown][]}
 */
function facts(schedule) {
  const { definition } = schedule;
  const lastJob = schedule.last_job_id;
  return [
    ["When", timingText(definition.timing)],
    ["Overlap", definition.overlap || "skip"],
    ["Catches up", definition.catch_up || "last"],
    ["Runs", countText(schedule.runs)],
    ["Skipped", countText(schedule.skipped)],
    ["Missed", countText(schedule.missed)],
    ["Unfinished", countText(schedule.unfinished_runs)],
    [
      "Latest job",
      lastJob === ""
        ? orNone("")
        : html`<a class="id" href=${href(["jobs", lastJob])}>${lastJob}</a>`,
    ],
    ["Made by", orNone(schedule.created_by)],
    ["Made", html`${moment(schedule.created_at)}`],
  ];
}

/**
 * What is not the default of its field; the payload as it is read.
 *
 * @param {Record<string, unknown>} job
 */
function withoutDefaults(job) {
  const said = Object.entries(job).filter(([, value]) =>
    value !== "" && value !== 0 && value !== false && JSON.stringify(value) !== "{}" &&
    JSON.stringify(value) !== "[]"
  );
  return Object.fromEntries(
    said.map(([name, value]) => [name, name === "payload" ? read(value) : value]),
  );
}

/** @param {unknown} base64 */
function read(base64) {
  const text = new TextDecoder().decode(
    Uint8Array.from(atob(String(base64)), (character) => character.charCodeAt(0)),
  );
  try {
    return parseExactly(text);
  } catch {
    return text; // a payload need not be JSON
  }
}
