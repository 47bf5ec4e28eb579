// @ts-check
/** What can be done with one job. */

import { path } from "../api.js";
import { shortId } from "../format.js";
import { html, nothing } from "../lit.js";
import { act, ask } from "./ask.js";
import { UNFINISHED } from "./status.js";

/** @typedef {import("../wire.js").Job} Job */

/**
 * Buttons for what the job's status and the caller's permissions allow.
 *
 * @param {Job} job
 * @param {import("../session.js").Session} session
 * @param {() => void} done
 */
export function jobActions(job, session, done) {
  const mayCancel = UNFINISHED.includes(job.status) && session.may("POST", "jobs/{job_id}/cancel");
  const mayRetry = job.dead_letter && session.may("POST", "jobs/{job_id}/retry");
  return html`
    ${mayRetry
      ? html`<button type="button" class="main" @click=${() =>
        retryJob(job.id).then(done)}>Retry</button>`
      : nothing}
    ${mayCancel
      ? html`<button type="button" class="grave" @click=${() =>
        cancelJob(job.id).then(done)}>Cancel job</button>`
      : nothing}
  `;
}

/** @param {string} id */
export function retryJob(id) {
  return act("POST", path`jobs/${id}/retry`, {}, `Job ${shortId(id)} is in the queue again.`);
}

/** @param {string} id */
async function cancelJob(id) {
  const answer = await ask({
    title: "Cancel this job?",
    text: html`
      <p>It does not run again, and what its worker still reports is refused.</p>
      <label><span>Reason</span><input name="reason" autocomplete="off"></label>
    `,
    yes: "Cancel it",
    isGrave: true,
  });
  if (answer === undefined) return;
  const body = { reason: String(answer.get("reason") ?? "") };
  await act("POST", path`jobs/${id}/cancel`, body, `Job ${shortId(id)} is cancelled.`);
}
