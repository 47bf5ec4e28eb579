// @ts-check
/// <reference lib="dom" />
/** Jobs that failed for good: why, and back into the queue, one by one or all of a filter. */

import { messageOf, send } from "../api.js";
import { counted } from "../format.js";
import { JobPages } from "../job_pages.js";
import { html, nothing } from "../lit.js";
import { act, ask } from "../parts/ask.js";
import { asJobFilter, asQuery, filterForm, filterOf } from "../parts/filters.js";
import { retryJob } from "../parts/job_actions.js";
import { moment } from "../parts/moment.js";
import { heading } from "../parts/page.js";
import { unsealed } from "../parts/sealed.js";
import { emptyBox, faultBox, loadingBox } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import "../parts/virtual_rows.js";
import { currentRoute, href } from "../router.js";

/** @typedef {import("../wire.js").Job} Job */

const REFRESH_MS = 5_000;

const head = html`
  <th scope="col" class="wide">Job</th>
  <th scope="col">Type</th>
  <th scope="col" class="widest">Error</th>
  <th scope="col" class="number minor short">Attempts</th>
  <th scope="col" class="minor time">Ended</th>
  <th scope="col" class="actions short"><span class="unseen">Actions</span></th>
`;

/** @type {import("../view.js").View} */
export function deadLettersView(context) {
  const { live, session, signal, update } = context;
  context.title("Dead letters");
  let filter = filterOf(context.route.query);
  let isWhole = false;
  const begin = () => {
    const begun = new JobPages({
      route: "dead-letters",
      filter: asQuery(filter),
      signal,
      onChange: update,
    });
    begun.restart();
    return begun;
  };
  let pages = begin();
  const renew = () => {
    pages = begin();
  };
  const refresh = () => {
    const list = /** @type {import("../parts/virtual_rows.js").VirtualRows | null} */ (document
      .querySelector("virtual-rows"));
    if (!document.hidden && pages.isLoaded) {
      pages.refresh([], { takesNewer: list?.isAtTop ?? true });
    }
  };
  live.on("jobs", refresh, signal);
  const timer = setInterval(refresh, REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  const mayRetry = session.may("POST", "jobs/{job_id}/retry");

  return () =>
    html`
      ${heading("Dead letters", {
        note: pages.isLoaded
          ? counted(
            pages.total,
            "job that failed for good",
            "jobs that failed for good",
          )
          : nothing,
        actions: pages.isLoaded && pages.rows.length === 0
          ? nothing
          : bulkActions(filter, session, renew),
      })}
      ${filterForm({
        path: ["dead-letters"],
        filter,
        offers: {},
        isWhole,
        onWhole: () => {
          isWhole = true;
          update();
        },
        onChange: () => {
          filter = filterOf(currentRoute().query);
          renew();
          update();
        },
      })}
      ${pages.error === undefined ? nothing : faultBox(pages.error, () => pages.restart())}
      ${rows(pages, mayRetry ? (id) => retryJob(id).then(renew) : undefined, noneText(filter))}
    `;
}

/**
 * @param {JobPages} pages
 * @param {((id: string) => void) | undefined} retry
 * @param {string} none what to say where there is none
 */
function rows(pages, retry, none) {
  if (!pages.isLoaded) return pages.error === undefined ? loadingBox(8) : nothing;
  if (pages.rows.length === 0) return emptyBox(none);
  return html`<virtual-rows .data=${{
    label: "Dead letters",
    rows: pages.rows,
    total: pages.hasMore ? Math.max(pages.total, pages.rows.length + 1) : pages.rows.length,
    key: (/** @type {Job} */ { id }) => id,
    head,
    cells: (/** @type {Job} */ job) => cells(job, retry),
    onNearEnd: () => pages.more(),
  }}></virtual-rows>`;
}

/** @param {Readonly<Record<string, string>>} filter */
function noneText(filter) {
  return Object.keys(filter).length === 0
    ? "No job has failed for good."
    : "There is no dead letter like this.";
}

/**
 * @param {Job} job
 * @param {((id: string) => void) | undefined} retry
 */
function cells(job, retry) {
  const error = unsealed(job.error_message);
  return html`
    <th scope="row" class="wide"><a class="id" href=${href(["jobs", job.id])}>${job.id}</a></th>
    <td><span class="cut" title=${job.type}>${job.type}</span></td>
    <td><span class="cut" title=${error}>${error}</span></td>
    <td class="number minor">${job.attempt}</td>
    <td class="minor">${moment(job.completed_at)}</td>
    <td class="actions">${retry === undefined ? nothing : html`
      <button type="button" class="small"
        @click=${() => retry(job.id)}>Retry<span class="unseen"> ${job.id}</span></button>
    `}</td>
  `;
}

/**
 * @param {Readonly<Record<string, string>>} filter
 * @param {import("../session.js").Session} session
 * @param {() => void} done
 */
function bulkActions(filter, session, done) {
  const what = Object.keys(filter).length === 0 ? "all" : "these";
  return html`
    ${!session.may("POST", "dead-letters/retry") ? nothing : html`
      <button type="button" class="main" @click=${() =>
        redrive(filter).then(done)}>Retry ${what}</button>
    `}
    ${!session.may("POST", "dead-letters/purge") ? nothing : html`
      <button type="button" class="grave" @click=${() =>
        purge(filter).then(done)}>Purge ${what}</button>
    `}
  `;
}

/** @param {Readonly<Record<string, string>>} filter */
function scopeOf(filter) {
  return Object.keys(filter).length === 0 ? { all: true } : { filter: asJobFilter(filter) };
}

/**
 * How many dead letters a call would concern; undefined: none, or it was refused, and that is said.
 *
 * @param {string} route
 * @param {Readonly<Record<string, string>>} filter
 */
async function concerned(route, filter) {
  try {
    const { matched } = await send("POST", route, { ...scopeOf(filter), dry_run: true });
    if (Number(matched) > 0) return Number(matched);
    toast(noneText(filter));
  } catch (failure) {
    toast(messageOf(failure), { isFault: true });
  }
  return undefined;
}

/** @param {Readonly<Record<string, string>>} filter */
async function redrive(filter) {
  const count = await concerned("dead-letters/retry", filter);
  if (count === undefined) return;
  const answer = await ask({
    title: `Put ${counted(count, "job")} back into the queue?`,
    text: "Each gets a fresh budget of retries.",
    yes: "Retry them",
  });
  if (answer === undefined) return;
  await act(
    "POST",
    "dead-letters/retry",
    scopeOf(filter),
    ({ retried }) => `${counted(Number(retried), "job")} back in the queue.`,
  );
}

/** @param {Readonly<Record<string, string>>} filter */
async function purge(filter) {
  const count = await concerned("dead-letters/purge", filter);
  if (count === undefined) return;
  const answer = await ask({
    title: `Forget ${counted(count, "dead letter")}?`,
    text: "With their payloads and results. This can't be taken back.",
    yes: "Forget them",
    isGrave: true,
  });
  if (answer === undefined) return;
  await act(
    "POST",
    "dead-letters/purge",
    scopeOf(filter),
    ({ purged }) => `${counted(Number(purged), "dead letter")} forgotten.`,
  );
}
