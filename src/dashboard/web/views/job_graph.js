// @ts-check
/** What a job waits for and what waits for it, as a drawing; and as a list, for those who read it. */

import { Feed } from "../feed.js";
import { counted, shortId } from "../format.js";
import { layOut } from "../graph_layout.js";
import { familyOf, parentsOf } from "../job_family.js";
import { html, nothing, svg } from "../lit.js";
import { heading, panel } from "../parts/page.js";
import { countsBar, statusBadge } from "../parts/status.js";
import { fed } from "../parts/states.js";
import { table } from "../parts/table.js";
import { href } from "../router.js";

/** @typedef {import("../wire.js").Job} Job */

const BOX = { width: 168, height: 52 };
const GAP = { x: 36, y: 22 };
const EDGE = 10;

/** @type {import("../view.js").View} */
export function jobGraphView(context) {
  const [, id = ""] = context.route.path;
  context.title(`Graph of job ${id}`);
  const feed = new Feed(context, (signal) => familyOf(id, signal), { followsJobs: true });
  return () =>
    html`
      ${heading("Graph", { back: [href(["jobs", id]), `Job ${shortId(id)}`] })}
      ${fed(feed, ({ jobs, isCut, forgotten }) =>
        html`
          ${panel(
            "Dependencies",
            html`<div class="graph" role="region" aria-label="Graph" tabindex="0">
          ${drawing(jobs, id)}</div>`,
            {
              note: html`${countsBar(countsOf(jobs))} ${counted(jobs.length, "job")}${
                isCut ? ", and more that are not drawn" : ""
              }${forgotten.length > 0 ? `, ${forgotten.length} that are kept no more` : ""}`,
            },
          )}
          ${panel("The same as a list", list(jobs, id))}
        `)}
    `;
}

/** @param {readonly Job[]} jobs */
function countsOf(jobs) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { status } of jobs) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** @param {readonly Job[]} jobs @param {string} own */
function drawing(jobs, own) {
  const { places, columns, rows } = layOut(
    jobs.map((job) => ({ id: job.id, parents: parentsOf(job) })),
  );
  const width = columns * (BOX.width + GAP.x) - GAP.x + 2 * EDGE;
  const height = rows * (BOX.height + GAP.y) - GAP.y + 2 * EDGE;
  const spot = (/** @type {string} */ id) => {
    const { column, row } = places.get(id) ?? { column: 0, row: 0 };
    return { x: EDGE + column * (BOX.width + GAP.x), y: EDGE + row * (BOX.height + GAP.y) };
  };
  return html`
    <svg class="dag" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`}
      role="group" aria-label="Jobs, from left to right by what they wait for">
      ${jobs.flatMap((job) =>
        parentsOf(job).filter((parent) => places.has(parent)).map((parent) =>
          edge(spot(parent), spot(job.id), job.status)
        )
      )}
      ${jobs.map((job) => box(job, spot(job.id), job.id === own))}
    </svg>
  `;
}

/**
 * @param {{ x: number, y: number }} from
 * @param {{ x: number, y: number }} to
 * @param {string} status of the job that waits
 */
function edge(from, to, status) {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x - 5, to.y + BOX.height / 2];
  const bend = (x2 - x1) / 2;
  return svg`
    <path class="edge ${status === "waiting" ? "open" : ""}"
      d=${`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`}></path>
    <path class="tip" d=${`M${x2 - 4} ${y2 - 4}l6 4-6 4z`}></path>
  `;
}

/** @param {Job} job @param {{ x: number, y: number }} at @param {boolean} isOwn */
function box({ id, type, status }, { x, y }, isOwn) {
  const name = type.length > 18 ? `${type.slice(0, 17)}…` : type;
  return svg`
    <a href=${href(["jobs", id])}
      aria-current=${isOwn ? "true" : nothing} class="tone-${status}">
      <rect x=${x} y=${y} width=${BOX.width} height=${BOX.height} rx="8"></rect>
      <rect class="side" x=${x} y=${y + 10} width="3" height=${BOX.height - 20} rx="1.5"></rect>
      <text x=${x + 14} y=${y + 21} class="type">${name}</text>
      <text x=${x + 14} y=${y + 39} class="small">${status} · …${id.slice(-8)}</text>
    </a>
  `;
}

/** @param {readonly Job[]} jobs @param {string} own */
function list(jobs, own) {
  return table(
    "Jobs of the graph",
    [
      {
        name: "Job",
        isHead: true,
        cell: ({ id }) =>
          html`<a class="id" href=${href(["jobs", id])}>${id}</a>${
            id === own ? " (this one)" : nothing
          }`,
      },
      { name: "Type", cell: ({ type }) => type },
      { name: "Status", cell: ({ status }) => statusBadge(status) },
      {
        name: "Waits for",
        cell: (job) =>
          parentsOf(job).map((parent) =>
            html`
              <a class="id" href=${href(["jobs", parent])}>${shortId(parent)}</a>
            `
          ),
      },
    ],
    jobs,
    ({ id }) => id,
  );
}
