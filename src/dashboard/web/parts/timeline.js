// @ts-check
/** A job's life: its attempts to scale, and every change of its status. */

import { durationText } from "../format.js";
import { html, nothing } from "../lit.js";
import { href } from "../router.js";
import { between, moment, msOf } from "./moment.js";
import { unsealed } from "./sealed.js";
import { errorText } from "./states.js";
import { statusBadge } from "./status.js";

/** @typedef {import("../wire.js").JobStatusAnswer} JobStatusAnswer */
/** @typedef {import("../wire.js").JobAttempt} JobAttempt */

/** How an attempt's end is coloured. @type {Readonly<Record<string, string>>} */
const OUTCOME_TONES = {
  "": "running",
  completed: "completed",
  failed: "failed",
  timeout: "failed",
  worker_lost: "failed",
  expired: "failed",
  released: "pending",
  cancelled: "cancelled",
};

/** @param {JobStatusAnswer} answer */
export function attemptBars({ job, attempts }) {
  if (attempts.length === 0) return html`<p class="none">No attempt yet.</p>`;
  const from = msOf(job.created_at) ?? msOf(attempts[0]?.assigned_at) ?? 0;
  const to = Math.max(from + 1, msOf(job.completed_at) ?? Date.now());
  return html`
    <ol class="attempts">${attempts.map((attempt) => bar(attempt, from, to))}</ol>
    <p class="scale"><span>submitted</span><span>${durationText(to - from)} in all</span></p>
  `;
}

/**
 * @param {JobAttempt} one
 * @param {number} from
 * @param {number} to
 */
function bar(one, from, to) {
  const share = (/** @type {number} */ ms) =>
    Math.min(100, Math.max(0, ((ms - from) / (to - from)) * 100));
  const assigned = share(msOf(one.assigned_at) ?? from);
  const started = share(msOf(one.started_at) ?? msOf(one.ended_at) ?? to);
  const ended = share(msOf(one.ended_at) ?? to);
  const tone = OUTCOME_TONES[one.outcome] ?? "cancelled";
  return html`
    <li>
      <div class="words">
        <b>Attempt ${one.attempt}</b>
        <span>on <a href=${href(["workers", one.worker_id])}>${one.worker_id}</a></span>
        <span class="tone-${tone} outcome">${one.outcome === ""
          ? "goes on"
          : one.outcome.replace("_", " ")}</span>
        <span class="took">${between(one.started_at ?? one.assigned_at, one.ended_at)}</span>
      </div>
      <div class="track" aria-hidden="true">
        <span class="held" .style=${`left:${assigned}%;width:${
          Math.max(0, started - assigned)
        }%`}></span>
        <span class="ran tone-${tone}" .style=${`left:${started}%;width:${
          Math.max(0.4, ended - started)
        }%`}></span>
      </div>
      ${one.error === "" ? nothing : errorText(unsealed(one.error))}
    </li>
  `;
}

/** @param {JobStatusAnswer} answer */
export function transitions({ history }) {
  if (history.length === 0) return nothing;
  return html`
    <details class="whole">
      <summary>Every change (${history.length})</summary>
      <ol class="transitions">${history.map((one) =>
        html`<li>${moment(one.at)} ${statusBadge(one.status)}
        <span class="cause">${one.cause.replace("_", " ")}</span>
        ${one.attempt > 0 ? html`<span>attempt ${one.attempt}</span>` : nothing}
        ${one.worker_id === "" ? nothing : html`<span>${one.worker_id}</span>`}
        ${one.reason === "" ? nothing : html`<span class="reason">${unsealed(one.reason)}</span>`}
      </li>`
      )}</ol>
    </details>
  `;
}
