// @ts-check
/** Schedules, and when each runs next. */

import { get, path } from "../api.js";
import { Feed } from "../feed.js";
import { countText, partText } from "../format.js";
import { html, nothing } from "../lit.js";
import { act, ask } from "../parts/ask.js";
import { ago } from "../parts/moment.js";
import { barePanel, heading } from "../parts/page.js";
import { standingBadge } from "../parts/status.js";
import { emptyBox, fed } from "../parts/states.js";
import { table } from "../parts/table.js";
import { go, href, within } from "../router.js";
import { timingText } from "../timing.js";

/** @typedef {import("../wire.js").Schedule} Schedule */

const SHOWN_MAX = 1_000;

/** @type {import("../view.js").View} */
export function schedulesView(context) {
  context.title("Schedules");
  const feed = new Feed(context, (signal) => get("schedules", { limit: SHOWN_MAX }, signal), {
    everyMs: 5_000,
    followsJobs: true,
  });
  return () =>
    html`
      ${heading("Schedules", { note: noteOf(feed.data) })}
      ${fed(feed, ({ schedules }) =>
        schedules.length === 0
          ? emptyBox(
            "There is no schedule.",
            html`<code>conductor schedule add NAME --cron "0 6 * * *" --type noop</code>`,
          )
          : barePanel("Schedules", list(schedules, context.session, () => feed.reload())))}
    `;
}

/** @param {{ schedules: readonly Schedule[], total: number } | undefined} data */
function noteOf(data) {
  const part = data === undefined ? "" : partText(data.schedules.length, data.total);
  return part || "jobs at their times, whoever leads";
}

/**
 * @param {readonly Schedule[]} schedules
 * @param {import("../session.js").Session} session
 * @param {() => void} done
 */
function list(schedules, session, done) {
  return table(
    "Schedules",
    [
      {
        name: "Name",
        isHead: true,
        cell: ({ definition: { name, job } }) =>
          html`<a href=${href(["schedules", name], within(job.namespace))}>${name}</a>`,
      },
      { name: "When", cell: ({ definition }) => timingText(definition.timing) },
      { name: "Type", isMinor: true, cell: ({ definition }) => definition.job.type ?? "" },
      { name: "State", cell: (schedule) => standingBadge(standingOf(schedule)) },
      { name: "Next run", cell: ({ next_at, paused }) => paused ? "–" : ago(next_at) },
      { name: "Runs", isNumber: true, isMinor: true, cell: ({ runs }) => countText(runs) },
      {
        name: "Skipped, missed",
        isNumber: true,
        isMinor: true,
        cell: ({ skipped, missed }) => `${countText(skipped)}, ${countText(missed)}`,
      },
      {
        name: "Actions",
        isBare: true,
        cell: (schedule) => scheduleActions(schedule, session, done, true),
      },
    ],
    schedules,
    ({ definition: { name, job } }) => JSON.stringify([job.namespace, name]),
  );
}

/** @param {Schedule} schedule */
export function standingOf({ paused, next_at }) {
  if (paused) return "paused";
  return next_at === undefined ? "ended" : "enabled";
}

/**
 * @param {Schedule} schedule
 * @param {import("../session.js").Session} session
 * @param {() => void} done
 * @param {boolean} isShort
 */
export function scheduleActions({ definition: { name, job }, paused }, session, done, isShort) {
  const kind = isShort ? "small" : "";
  const namespace = within(job.namespace);
  const named = html`<span class="unseen"> ${name}</span>`;
  const [turn, turnText, turned] = paused
    ? ["resume", "Resume", `${name} goes on.`]
    : ["pause", "Pause", `${name} is paused.`];
  const call = (/** @type {string} */ verb, /** @type {string} */ said) => () =>
    act("POST", `${path`schedules/${name}`}/${verb}`, namespace, said).then(done);
  return html`
    ${!session.may("POST", "schedules/{name}/trigger") ? nothing : html`
      <button type="button" class=${kind} @click=${call(
        "trigger",
        `${name} made a job.`,
      )}>Run now${named}</button>
    `}
    ${!session.may("POST", `schedules/{name}/${turn}`) ? nothing : html`
      <button type="button" class=${kind} @click=${call(turn, turned)}>${turnText}${named}</button>
    `}
    ${isShort || !session.may("DELETE", "schedules/{name}") ? nothing : html`
      <button type="button" class="grave" @click=${() => remove(name, namespace)}>Remove</button>
    `}
  `;
}

/** @param {string} name @param {{ namespace?: string }} namespace */
async function remove(name, namespace) {
  const answer = await ask({
    title: `Remove ${name}?`,
    text: "The jobs that it made stay.",
    yes: "Remove it",
    isGrave: true,
  });
  if (answer === undefined) return;
  const done = await act("DELETE", path`schedules/${name}`, namespace, `${name} is removed.`);
  if (done !== undefined) go(href(["schedules"]));
}
