// @ts-check
/// <reference lib="dom" />
/** All jobs, the newest first, by filter. */

import { messageOf, send } from "../api.js";
import { announce } from "../announce.js";
import { counted, countText } from "../format.js";
import { JobPages } from "../job_pages.js";
import { html, nothing } from "../lit.js";
import { act, ask } from "../parts/ask.js";
import { asJobFilter, asQuery, filterForm, filterOf } from "../parts/filters.js";
import { finder } from "../parts/finder.js";
import { jobCells, jobHead } from "../parts/job_rows.js";
import { heading } from "../parts/page.js";
import { STATUSES } from "../parts/status.js";
import { emptyBox, faultBox, loadingBox } from "../parts/states.js";
import { toast } from "../parts/toast.js";
import "../parts/virtual_rows.js";
import { currentRoute, href } from "../router.js";

/** @typedef {import("../parts/virtual_rows.js").VirtualRows} VirtualRows */

const REFRESH_MS = 5_000;

/** @type {import("../view.js").View} */
export function jobsView(context) {
  const { live, session, signal, update } = context;
  context.title("Jobs");
  let filter = filterOf(context.route.query);
  let isWhole = false;
  let pages = begin();

  function begin() {
    const begun = new JobPages({
      route: "jobs",
      filter: asQuery(filter),
      signal,
      onChange: update,
    });
    begun.restart();
    return begun;
  }
  const list = () => /** @type {VirtualRows | null} */ (document.querySelector("virtual-rows"));
  const refresh = () => {
    if (document.hidden || !pages.isLoaded) return;
    pages.refresh(list()?.inSight ?? [], { takesNewer: list()?.isAtTop ?? true });
  };
  const changed = () => {
    filter = filterOf(currentRoute().query);
    pages = begin();
    update();
  };
  live.on("jobs", ({ jobs, more }) => {
    if (more) pages.doubt();
    if (pages.hear(jobs)) update();
    refresh();
  }, signal);
  live.on("state", (state) => {
    if (state === "open") pages.doubt(); // nobody told of what changed meanwhile
  }, signal);
  const timer = setInterval(refresh, REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));

  const showNewer = () => {
    list()?.scrollToTop();
    pages.refresh([], { takesNewer: true });
    announce("The newest jobs are shown.");
  };
  return () =>
    html`
      ${heading("Jobs", {
        note: totalText(pages),
        actions: html`${finder()} ${
          session.may("POST", "jobs/cancel") && Object.keys(filter).length > 0
            ? html`<button type="button" @click=${() =>
              cancelAll(filter)}>Cancel all of these</button>`
            : nothing
        }`,
      })}
      ${statusTabs(filter, live.cluster?.jobs)}
      ${filterForm({
        path: ["jobs"],
        filter,
        offers: {
          type: (live.cluster?.types ?? []).map(({ name }) => name),
          queue: (live.cluster?.queues ?? []).map(({ name }) => name),
        },
        isWhole,
        onWhole: () => {
          isWhole = true;
          update();
        },
        onChange: changed,
      })}
      ${pages.error === undefined ? nothing : faultBox(pages.error, () => pages.restart())}
      ${pages.newer > 0
        ? html`<button type="button" class="newer" @click=${showNewer}>Show ${
          counted(pages.newer, "newer job")
        }</button>`
        : nothing}
      ${rows(pages, Object.keys(filter).length > 0)}
    `;
}

/** @param {JobPages} pages */
function totalText({ isLoaded, isTotalAtLeast, total }) {
  if (!isLoaded) return nothing;
  return `${isTotalAtLeast ? "more than " : ""}${counted(total, "job")}`;
}

/**
 * @param {JobPages} pages
 * @param {boolean} isFiltered
 */
function rows(pages, isFiltered) {
  if (!pages.isLoaded) return pages.error === undefined ? loadingBox(10) : nothing;
  if (pages.rows.length === 0) {
    return isFiltered ? emptyBox("No job is like this.") : emptyBox(
      "There is no job yet.",
      html`<code>conductor submit --type test_sleep --payload '{"duration":"2s"}' --wait</code>`,
    );
  }
  /** @type {import("../parts/virtual_rows.js").ListData<import("../wire.js").Job>} */
  const data = {
    label: "Jobs",
    rows: pages.rows,
    total: pages.hasMore ? Math.max(pages.total, pages.rows.length + 1) : pages.rows.length,
    key: ({ id }) => id,
    head: jobHead,
    cells: jobCells,
    onNearEnd: () => pages.more(),
  };
  return html`<virtual-rows .data=${data}></virtual-rows>`;
}

/**
 * @param {Readonly<Record<string, string>>} filter
 * @param {Readonly<Record<string, number>>} counts of all jobs, by status
 */
function statusTabs(filter, counts = {}) {
  const { status, unfinished, ...others } = filter;
  const isFiltered = Object.keys(others).length > 0;
  const tab = (
    /** @type {string} */ name,
    /** @type {Record<string, string>} */ query,
    /** @type {boolean} */ isHere,
  ) =>
    html`<li><a href=${href(["jobs"], { ...others, ...query })}
      aria-current=${isHere ? "true" : nothing}>${name}${
      isFiltered || counts[name] === undefined ? nothing : html`
        <span class="count">${countText(counts[name])}</span>
      `
    }</a></li>`;
  return html`
    <nav class="tabs" aria-label="By status">
      <ul>
      ${tab("all", {}, status === undefined && unfinished === undefined)}
      ${tab("unfinished", { unfinished: "true" }, unfinished !== undefined)}
      ${STATUSES.map((each) => tab(each, { status: each }, status === each))}
      </ul>
    </nav>
  `;
}

/** @param {Readonly<Record<string, string>>} filter */
async function cancelAll(filter) {
  /** @type {ReturnType<typeof asJobFilter>} */
  let asked;
  /** @type {{ matched: number }} */
  let found;
  try {
    asked = asJobFilter(filter);
    found = await send("POST", "jobs/cancel", { filter: asked, dry_run: true });
  } catch (failure) {
    return toast(messageOf(failure), { isFault: true });
  }
  if (Number(found.matched) === 0) return toast("No unfinished job is like this.");
  const answer = await ask({
    title: `Cancel ${counted(Number(found.matched), "unfinished job")}?`,
    text: html`
      <p>None of them runs again, and what workers still report of them is refused.</p>
      <label><span>Reason</span><input name="reason" autocomplete="off"></label>
    `,
    yes: "Cancel them",
    isGrave: true,
  });
  if (answer === undefined) return;
  const body = { filter: asked, reason: String(answer.get("reason") ?? "") };
  await act(
    "POST",
    "jobs/cancel",
    body,
    ({ cancelled }) => `${counted(Number(cancelled), "job")} cancelled.`,
  );
}
