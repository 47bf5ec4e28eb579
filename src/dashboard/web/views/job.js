// @ts-check
/// <reference lib="dom" />
/** One job: where it is and why, its attempts, what it says, what came of it. */

import { path, urlOf } from "../api.js";
import { announce } from "../announce.js";
import { durationText, percentText } from "../format.js";
import { JobFollower } from "../job_follower.js";
import { html, nothing } from "../lit.js";
import { icon } from "../parts/icons.js";
import { jobActions } from "../parts/job_actions.js";
import { attemptText } from "../parts/job_rows.js";
import { LogFollower, logLines } from "../parts/log_lines.js";
import { ago, between, moment, orNone } from "../parts/moment.js";
import { heading, panel } from "../parts/page.js";
import { contentView } from "../parts/result.js";
import { unsealed } from "../parts/sealed.js";
import { statusBadge, UNFINISHED } from "../parts/status.js";
import { errorText, faultBox, fed } from "../parts/states.js";
import { factList } from "../parts/table.js";
import { attemptBars, transitions } from "../parts/timeline.js";
import { href, within } from "../router.js";

/** @typedef {import("../wire.js").Job} Job */
/** @typedef {import("../wire.js").JobStatusAnswer} JobStatusAnswer */

/** @type {import("../view.js").View} */
export function jobView(context) {
  const [, id = ""] = context.route.path;
  const { session } = context;
  context.title(`Job ${id}`);
  const follower = new JobFollower(context, id);
  const mayReadLog = session.may("GET", "jobs/{job_id}/logs/stream");
  /** @type {LogFollower | undefined} */
  let log;
  let status = "";
  let attempt = 0;
  return () =>
    fed(follower.feed, (answer) => {
      const { job } = answer;
      // The log of a finished job has ended; one that was retried since has another.
      const isRetried = status !== "" && !UNFINISHED.includes(status) &&
        (UNFINISHED.includes(job.status) || job.attempt !== attempt);
      if (mayReadLog && (log === undefined || isRetried)) log = new LogFollower(context, id);
      attempt = job.attempt;
      if (status !== "" && job.status !== status) announce(`The job is ${job.status} now.`);
      status = job.status;
      return html`
        ${heading(html`${job.type} <span class="id">${job.id}</span>`, {
          back: [href(["jobs"]), "Jobs"],
          note: statusBadge(job.status, job.dead_letter ? "dead letter" : ""),
          actions: html`${graphLink(job)} ${
            jobActions(job, session, () => follower.feed.reload())
          }`,
        })}
        ${progressBar(follower, job)}
        <div class="job">
          <div class="main-side">
            ${panel("Why it is where it is", explanation(answer))}
            ${panel("Attempts", html`${attemptBars(answer)}${transitions(answer)}`)}
            ${log === undefined ? nothing : panel("Log", logLines(log), {
              note: log.attempt > 1 ? `attempt ${log.attempt}` : "",
            })}
            ${hasResult(job)
              ? panel("Result", result(follower, job), {
                actions: job.result?.success ? download(job.id, "result") : nothing,
              })
              : nothing}
            ${panel("Payload", payload(follower), { actions: download(job.id, "payload") })}
          </div>
          ${panel("Facts", factList(facts(job)), { className: "side" })}
        </div>
      `;
    });
}

/** @param {Job} job */
function graphLink(job) {
  return html`<a class="button" href=${href(["jobs", job.id, "graph"])}>Graph</a>`;
}

/** @param {JobFollower} follower @param {Job} job */
function progressBar({ progress, progressMessage }, job) {
  if (!UNFINISHED.includes(job.status) || (progress === 0 && progressMessage === "")) {
    return nothing;
  }
  return html`
    <div class="progress">
      <progress max="1" .value=${progress} aria-label="Progress"></progress>
      <span>${percentText(progress)}</span><span class="note">${progressMessage}</span>
    </div>
  `;
}

/** @param {JobStatusAnswer} answer */
function explanation({ job, reasons }) {
  const error = job.error_message === "" ? nothing : errorText(unsealed(job.error_message));
  return html`${error}<ul class="reasons">${
    reasons.map((reason) =>
      html`<li><p>${unsealed(reason.message)}</p>
        ${
        reason.since === undefined
          ? nothing
          : html`<span class="note">since ${moment(reason.since)}</span>`
      }
        ${
        reason.until === undefined
          ? nothing
          : html`<span class="note">until ${moment(reason.until)}</span>`
      }
        ${
        reason.job_ids.map((id) =>
          html`
            <a class="id" href=${href(["jobs", id])}>${id}</a>
          `
        )
      }</li>`
    )
  }</ul>`;
}

/** A job that failed has left none, and why it failed is said above. @param {Job} job */
function hasResult({ result, error_message }) {
  if (result === undefined) return false;
  const { success, output, error } = result;
  return success || output !== "" || (error !== "" && error !== error_message);
}

/** @param {JobFollower} follower @param {Job} job */
function result(follower, job) {
  const { result } = job;
  if (result === undefined) return nothing;
  return html`
    ${result.error === "" || result.error === job.error_message
      ? nothing
      : errorText(unsealed(result.error))}
    ${follower.result === undefined ? nothing : contentView(follower.result)}
  `;
}

/** @param {JobFollower} follower */
function payload(follower) {
  const open = (/** @type {Event} */ event) => {
    if (/** @type {HTMLDetailsElement} */ (event.target).open) follower.wantPayload();
  };
  const shown = follower.payload !== undefined
    ? contentView(follower.payload)
    : follower.payloadError !== undefined
    ? faultBox(follower.payloadError, () => follower.wantPayload())
    : html`<p class="none">Loading</p>`;
  return html`<details class="whole" @toggle=${open}><summary>Show</summary>${shown}</details>`;
}

/** @param {string} id @param {string} what */
function download(id, what) {
  const url = `${urlOf(path`jobs/${id}`)}/${what}?download=true`;
  return html`<a class="more" download href=${url}>${icon("download")}Download</a>`;
}

/**
 * @param {Job} job
 * @returns {[string, import("../view.js").Shown][]}
 */
function facts(job) {
  const { options = {}, labels, required_tags: tags } = job;
  const needs = [
    ...Object.entries(tags).map(([name, value]) => `${name}=${value}`),
    ...options.require ?? [],
  ];
  /** @type {[string, import("../view.js").Shown][]} */
  const all = [
    ["Submitted", html`${moment(job.created_at)} <span class="note">${ago(job.created_at)}</span>`],
    ["By", orNone(job.submitted_by)],
    ["Waited", between(job.created_at, job.started_at ?? job.completed_at)],
    ["Ran", between(job.started_at, job.completed_at)],
    [
      "Worker",
      job.assigned_to === ""
        ? orNone("")
        : html`<a href=${href(["workers", job.assigned_to])}>${job.assigned_to}</a>`,
    ],
    ["Attempt", attemptText(job)],
    ["Priority", String(job.priority)],
    ["Queue", html`<a href=${href(["jobs"], { queue: job.queue })}>${job.queue}</a>`],
    ["Time limit", job.timeout_ms > 0 ? durationText(job.timeout_ms) : orNone("")],
  ];
  const more = /** @type {[string, import("../view.js").Shown | undefined][]} */ ([
    ["Namespace", within(job.namespace).namespace],
    ["Not before", job.not_before && moment(job.not_before)],
    ["Fails at", job.expires_at && moment(job.expires_at)],
    [
      "Batch",
      options.batch_id &&
      html`<a href=${
        href(["batches", options.batch_id], within(job.namespace))
      }>${options.batch_id}</a>`,
    ],
    [
      "Schedule",
      options.schedule &&
      html`<a href=${
        href(["schedules", options.schedule], within(job.namespace))
      }>${options.schedule}</a>`,
    ],
    ["Group", options.group],
    ["Unique key", options.unique_key],
    ["Rate key", options.rate_key],
    ["Needs", needs.join(", ")],
    ["Prefers", options.prefer?.join(", ")],
    [
      "Trace",
      job.traceparent === ""
        ? undefined
        : html`<span class="id">${job.traceparent.split("-")[1] ?? job.traceparent}</span>`,
    ],
  ]);
  for (const [name, value] of more) {
    if (value !== undefined && value !== "") all.push([name, value]);
  }
  const names = Object.entries(labels);
  if (names.length > 0) {
    all.push([
      "Labels",
      html`${
        names.map(([name, value]) =>
          html`
            <a class="label" href=${href(["jobs"], {
              labels: `${name}=${value}`,
            })}>${name}=${value}</a>
          `
        )
      }`,
    ]);
  }
  return all;
}
