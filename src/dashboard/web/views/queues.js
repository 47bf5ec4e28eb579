// @ts-check
/** Queues and job types: what stands in them, and what is set for them. */

import { get, path } from "../api.js";
import { Feed } from "../feed.js";
import { countText, durationText } from "../format.js";
import { html } from "../lit.js";
import { act, ask } from "../parts/ask.js";
import { ago } from "../parts/moment.js";
import { heading, panel } from "../parts/page.js";
import { countsBar, standingBadge, UNFINISHED } from "../parts/status.js";
import { emptyBox, fed } from "../parts/states.js";
import { table } from "../parts/table.js";
import { href } from "../router.js";

/** @typedef {import("../wire.js").StandingDetail} Standing */
/** @typedef {"queue" | "type"} Scope */

/** @type {import("../view.js").View} */
export function queuesView(context) {
  const { session } = context;
  context.title("Queues");
  const feed = new Feed(context, async (signal) => {
    const none = Promise.resolve({ types: [] });
    const [{ queues }, { types }] = await Promise.all([
      get("queues", {}, signal),
      session.may("GET", "types") ? get("types", {}, signal) : none,
    ]);
    return { queues, types };
  }, { everyMs: 5_000, followsJobs: true });
  const done = () => feed.reload();
  return () =>
    html`
      ${heading("Queues", { note: "those with unfinished jobs or settings" })}
      ${fed(feed, ({ queues, types }) =>
        html`
          ${panel("Queues", list("queue", queues, session, done))}
          ${panel("Job types", list("type", types, session, done))}
        `)}
    `;
}

/**
 * @param {Scope} scope
 * @param {readonly Standing[]} standings
 * @param {import("../session.js").Session} session
 * @param {() => void} done
 */
function list(scope, standings, session, done) {
  if (standings.length === 0) return emptyBox(`No ${scope} has unfinished jobs or settings.`);
  const mayConfigure = session.may(
    "POST",
    scope === "queue" ? "queues/{name}/configure" : "types/{name}/configure",
  );
  /** @type {import("../parts/table.js").Column<Standing>[]} */
  const columns = [
    {
      name: scope === "queue" ? "Queue" : "Type",
      isHead: true,
      cell: ({ name }) =>
        html`<a href=${href(["jobs"], { [scope]: name, unfinished: "true" })}>${name}</a>`,
    },
    {
      name: "State",
      cell: ({ paused, paused_at, paused_by }) =>
        paused
          ? html`${standingBadge("paused")} <span class="note">${ago(paused_at)}${
            paused_by === "" ? "" : ` by ${paused_by}`
          }</span>`
          : standingBadge("active"),
    },
    {
      name: "Share",
      cell: ({ waiting, pending, assigned, running }) =>
        countsBar({ waiting, pending, assigned, running }, UNFINISHED),
    },
    { name: "Waiting", isNumber: true, cell: ({ waiting }) => countText(waiting) },
    { name: "Pending", isNumber: true, cell: ({ pending }) => countText(pending) },
    {
      name: "Running",
      isNumber: true,
      cell: ({ assigned, running }) => countText(assigned + running),
    },
    { name: "Limits", isMinor: true, cell: (standing) => limitsText(standing, scope) },
  ];
  if (mayConfigure) {
    columns.push({
      name: "Actions",
      isBare: true,
      cell: (standing) => actions(scope, standing, done),
    });
  }
  return table(scope === "queue" ? "Queues" : "Job types", columns, standings, ({ name }) => name);
}

/** @param {Standing} standing @param {Scope} scope */
function limitsText({ running_max, rate, weight }, scope) {
  const limits = [];
  if (running_max > 0) limits.push(`${countText(running_max)} at once`);
  if (rate !== undefined && rate.count > 0) {
    limits.push(`${countText(rate.count)} in ${durationText(rate.per_ms)}`);
  }
  if (scope === "queue" && weight > 1) limits.push(`weight ${weight}`);
  return limits.join(", ") || "none";
}

/** @param {Scope} scope @param {Standing} standing @param {() => void} done */
function actions(scope, { name, paused, running_max }, done) {
  const configure = (/** @type {unknown} */ body, /** @type {string} */ said) =>
    act("POST", `${scope}s/${path`${name}`}/configure`, body, said).then(done);
  const limit = async () => {
    const answer = await ask({
      title: `How many jobs of ${name} at once?`,
      text: html`<label><span>At most (0: any number)</span>
        <input name="most" type="number" min="0" step="1" required .value=${
        String(running_max)
      }></label>`,
      yes: "Set it",
    });
    if (answer === undefined) return;
    const most = Number(answer.get("most"));
    await configure(
      { running_max: most },
      most === 0 ? `${name} has no limit now.` : `${name}: ${most} at once.`,
    );
  };
  const named = html`<span class="unseen"> ${name}</span>`;
  return html`
    <button type="button" class="small" @click=${limit}>Limit${named}</button>
    <button type="button" class="small" @click=${() =>
      configure({ paused: !paused }, paused ? `${name} goes on.` : `${name} is paused.`)}>${paused
      ? "Resume"
      : "Pause"}${named}</button>
  `;
}
