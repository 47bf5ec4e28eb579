// @ts-check
/** The cluster at a glance: is it well, what does it do, who leads. */

import { compactText, countText, durationText } from "../format.js";
import { html, nothing } from "../lit.js";
import { History } from "../history.js";
import { standingOf } from "../live.js";
import { act, ask } from "../parts/ask.js";
import "../parts/chart.js";
import { heading, panel } from "../parts/page.js";
import { countsBar, standingBadge, UNFINISHED } from "../parts/status.js";
import { emptyBox, faultBox, loadingBox } from "../parts/states.js";
import { table } from "../parts/table.js";
import { href } from "../router.js";

/** @typedef {import("../live.js").ClusterEvent} ClusterEvent */
/** @typedef {import("../live.js").Member} Member */

const perSecond = (/** @type {number} */ value) => `${compactText(value)}/s`;

/** @type {import("../view.js").View} */
export function overviewView(context) {
  context.title("Overview");
  const history = new History(context);
  return () => {
    const { cluster } = context.live;
    if (cluster === undefined) return html`${heading("Overview")}${loadingBox(8)}`;
    return html`
      ${heading("Overview", { note: health(cluster, context) })}
      ${tiles(cluster, history)}
      ${history.error === undefined ? nothing : faultBox(history.error)}
      <div class="charts">
        ${charts(history).map((data) =>
          panel(data.title, html`<line-chart .data=${data}></line-chart>`)
        )}
      </div>
      <div class="halves">
        ${panel("Members", members(cluster, context))}
        ${panel("Unfinished jobs by type", types(cluster), {
          actions: html`<a class="more" href=${href(["queues"])}>Queues and types</a>`,
        })}
      </div>
    `;
  };
}

/**
 * @param {ClusterEvent} cluster
 * @param {import("../view.js").Context} context
 */
function health(cluster, { session }) {
  const { word, troubles } = standingOf(cluster, session.caller?.confined !== true);
  if (troubles.length > 0) {
    return html`<span class="health bad">${standingBadge(word)} ${troubles.join("; ")}</span>`;
  }
  const { leader_id, term } = cluster;
  return html`<span class="health">${standingBadge(word)}
    <b>${leader_id}</b> leads in term ${term}</span>`;
}

/**
 * @param {ClusterEvent} cluster
 * @param {History} history
 */
function tiles({ jobs, workers }, history) {
  const of = (/** @type {string} */ name) => jobs[name] ?? 0;
  const held = of("assigned") + of("running");
  const done = history.values("completed").at(-1) ?? 0;
  const failing = history.values("failed").at(-1) ?? 0;
  return html`<ul class="tiles">
    ${
    tile(
      "Completed per second",
      compactText(done),
      `${compactText(failing)} failed per second`,
      href(["jobs"], { status: "completed" }),
    )
  }
    ${
    tile(
      "Running",
      countText(held),
      `of ${countText(workers.slots)} slots`,
      href(["jobs"], { status: "running" }),
    )
  }
    ${
    tile(
      "Pending",
      countText(of("pending")),
      `${countText(of("waiting"))} waiting`,
      href(["jobs"], { status: "pending" }),
    )
  }
    ${
    tile(
      "Dead letters",
      countText(of("dead_letters")),
      `${countText(of("failed"))} failed`,
      href(["dead-letters"]),
      of("dead_letters") > 0,
    )
  }
    ${
    tile(
      "Workers",
      countText(workers.active),
      workers.draining + workers.disconnected === 0
        ? "connected"
        : `${workers.draining} draining, ${workers.disconnected} gone`,
      href(["workers"]),
    )
  }
  </ul>`;
}

/**
 * @param {string} name
 * @param {string} value
 * @param {string} note
 * @param {string} to
 * @param {boolean} [isBad]
 */
function tile(name, value, note, to, isBad = false) {
  return html`<li class=${isBad ? "tile bad" : "tile"}><a href=${to}>
    <span class="name">${name}</span>
    <span class="value">${value}</span>
    <span class="note">${note}</span>
  </a></li>`;
}

/**
 * @param {History} history
 * @returns {import("../parts/chart.js").ChartData[]}
 */
function charts(history) {
  const { atMs } = history;
  const values = (/** @type {string} */ name) => history.values(name);
  return [
    {
      title: "Throughput",
      atMs,
      format: perSecond,
      series: [
        { name: "submitted", tone: "waiting", stroke: "dashed", values: values("submitted") },
        { name: "completed", tone: "completed", isFilled: true, values: values("completed") },
        { name: "failed", tone: "failed", stroke: "dotted", values: values("failed") },
      ],
    },
    {
      title: "Latency, submitted to finished",
      atMs,
      format: durationText,
      series: [
        { name: "p50", tone: "running", isFilled: true, values: values("total_p50_ms") },
        { name: "p95", tone: "pending", stroke: "dashed", values: values("total_p95_ms") },
        { name: "p99", tone: "failed", stroke: "dotted", values: values("total_p99_ms") },
      ],
    },
    {
      title: "Queue",
      atMs,
      format: compactText,
      series: [
        { name: "pending", tone: "pending", isFilled: true, values: values("pending") },
        { name: "waiting", tone: "waiting", stroke: "dashed", values: values("waiting") },
      ],
    },
    {
      title: "Workers' slots",
      atMs,
      format: compactText,
      series: [
        { name: "busy", tone: "running", isFilled: true, values: values("busy_slots") },
        { name: "slots", tone: "cancelled", stroke: "dashed", values: values("slots") },
      ],
    },
  ];
}

/**
 * @param {ClusterEvent} cluster
 * @param {import("../view.js").Context} context
 */
function members({ members, commit_index }, { session }) {
  const mayTransfer = session.may("POST", "cluster/transfer-leadership") && members.length > 1 &&
    members.some(({ is_leader }) => is_leader);
  /** @type {import("../parts/table.js").Column<Member>[]} */
  const columns = [
    { name: "Member", isHead: true, cell: ({ node_id }) => node_id },
    { name: "Role", cell: ({ role, is_leader }) => is_leader ? standingBadge("leader") : role },
    {
      name: "State",
      cell: ({ answers }) =>
        answers === undefined ? "–" : standingBadge(answers ? "answers" : "silent"),
    },
    { name: "Lag", isNumber: true, cell: ({ lag }) => lag === undefined ? "–" : countText(lag) },
    {
      name: "Last contact",
      isNumber: true,
      isMinor: true,
      cell: ({ last_contact_ms: ms, is_leader }) =>
        is_leader || ms === undefined || ms < 0 ? "–" : durationText(ms),
    },
    { name: "Version", isMinor: true, cell: ({ version }) => version },
  ];
  if (mayTransfer) {
    columns.push({
      name: "Actions",
      isBare: true,
      cell: (member) =>
        member.is_leader || member.suffrage !== "voter" || !member.answers ? nothing : html`
          <button type="button" class="small" @click=${() => transfer(member.node_id)}>
            Make leader<span class="unseen"> ${member.node_id}</span>
          </button>
        `,
    });
  }
  return html`${table("Members", columns, members, ({ node_id }) => node_id)}
    <p class="foot">Log committed up to entry ${countText(commit_index)}</p>`;
}

/** @param {string} nodeId */
async function transfer(nodeId) {
  const answer = await ask({
    title: `Hand leadership to ${nodeId}?`,
    text: "Submissions wait for a moment while it takes over; nothing that was accepted is lost.",
    yes: "Hand over",
  });
  if (answer === undefined) return;
  await act(
    "POST",
    "cluster/transfer-leadership",
    { to: nodeId },
    ({ leader_id }) => `${leader_id} leads now.`,
  );
}

/** @param {ClusterEvent} cluster */
function types({ types }) {
  if (types.length === 0) return emptyBox("No job is unfinished.");
  return table(
    "Unfinished jobs by type",
    [
      {
        name: "Type",
        isHead: true,
        cell: ({ name, paused }) =>
          html`
            <a href=${href(["jobs"], { type: name })}>${name}</a>
            ${paused ? standingBadge("paused") : nothing}
          `,
      },
      { name: "Share", cell: (type) => countsBar(countsOf(type), UNFINISHED) },
      { name: "Waiting", isNumber: true, isMinor: true, cell: ({ waiting }) => countText(waiting) },
      { name: "Pending", isNumber: true, cell: ({ pending }) => countText(pending) },
      {
        name: "Running",
        isNumber: true,
        cell: ({ assigned, running }) => countText(assigned + running),
      },
    ],
    types,
    ({ name }) => name,
  );
}

/** @param {import("../live.js").Standing} standing */
function countsOf({ waiting, pending, assigned, running }) {
  return { waiting, pending, assigned, running };
}
