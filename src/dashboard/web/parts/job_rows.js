// @ts-check
/** How a job looks in a long list. */

import { between, moment } from "./moment.js";
import { statusBadge } from "./status.js";
import { html, nothing } from "../lit.js";
import { href } from "../router.js";

/** @typedef {import("../wire.js").Job} Job */

export const jobHead = html`
  <th scope="col" class="wide">Job</th>
  <th scope="col">Type</th>
  <th scope="col" class="status">Status</th>
  <th scope="col" class="number minor short">Attempt</th>
  <th scope="col" class="minor">Worker</th>
  <th scope="col" class="minor time">Submitted</th>
  <th scope="col" class="number minor short">Took</th>
`;

/** @param {Job} job */
export function jobCells(job) {
  return html`
    <th scope="row" class="wide"><a class="id" href=${href(["jobs", job.id])}>${job.id}</a></th>
    <td><span class="cut" title=${job.type}>${job.type}</span></td>
    <td>${statusBadge(job.status, job.dead_letter ? "dead letter" : "")}</td>
    <td class="number minor">${attemptText(job)}</td>
    <td class="minor"><span class="cut" title=${job.assigned_to}>${job.assigned_to}</span></td>
    <td class="minor">${moment(job.created_at)}</td>
    <td class="number minor">${job.started_at === undefined ? nothing : tookText(job)}</td>
  `;
}

/** @param {Job} job */
export function attemptText({ attempt, max_retries }) {
  return `${attempt} of ${max_retries + 1}`;
}

/** @param {Job} job */
function tookText({ started_at, completed_at, status }) {
  if (completed_at === undefined && status !== "running") return nothing;
  return between(started_at, completed_at);
}
