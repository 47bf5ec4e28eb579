// @ts-check
/** One worker: what it holds, what it offers, how it fares. */

import { get, path } from "../api.js";
import { Feed } from "../feed.js";
import { bytesText, countText, percentText, shortId } from "../format.js";
import { html, nothing } from "../lit.js";
import { meter } from "../parts/meter.js";
import { ago, between, moment, orNone } from "../parts/moment.js";
import { heading, panel } from "../parts/page.js";
import { standingBadge, statusBadge } from "../parts/status.js";
import { emptyBox, fed } from "../parts/states.js";
import { factList, table } from "../parts/table.js";
import { href } from "../router.js";
import { drainButton, slotsMeter } from "./workers.js";

/** @typedef {import("../wire.js").Worker} Worker */
/** @typedef {import("../wire.js").HeldAttempt} HeldAttempt */

/** @type {import("../view.js").View} */
export function workerView(context) {
  const [, id = ""] = context.route.path;
  context.title(`Worker ${id}`);
  const feed = new Feed(context, (signal) => get(path`workers/${id}`, {}, signal), {
    everyMs: 5_000,
    followsJobs: true,
  });
  return () =>
    fed(feed, ({ worker, held }) =>
      html`
        ${heading(id, {
          back: [href(["workers"]), "Workers"],
          note: standingBadge(worker.status),
          actions: html`<a class="button" href=${href(["jobs"], { worker_id: id })}>Its jobs</a>
            ${drainButton(worker, context.session, () => feed.reload(), "")}`,
        })}
        <div class="halves">
          ${panel("Holds", held.length === 0 ? emptyBox("It holds no job.") : attempts(held), {
            note: slotsMeter(worker),
          })}
          ${panel("Facts", factList(facts(worker)))}
        </div>
      `);
}

/** @param {readonly HeldAttempt[]} held */
function attempts(held) {
  return table(
    "Attempts that it holds",
    [
      {
        name: "Job",
        isHead: true,
        cell: ({ job_id }) =>
          html`<a class="id" href=${href(["jobs", job_id])} title=${job_id}>${shortId(job_id)}</a>`,
      },
      { name: "Type", cell: ({ type }) => type },
      { name: "Status", cell: ({ status }) => statusBadge(status) },
      {
        name: "Progress",
        cell: ({ progress }) => progress > 0 ? meter(progress, 1, percentText(progress)) : nothing,
      },
      {
        name: "For",
        isNumber: true,
        cell: ({ started_at, assigned_at }) => between(started_at ?? assigned_at, undefined),
      },
    ],
    held,
    ({ job_id }) => job_id,
  );
}

/**
 * @param {Worker} worker
 * @returns {[string, import("../view.js").Shown][]}
 */
function facts(worker) {
  const { stats } = worker;
  /** @type {[string, import("../view.js").Shown][]} */
  const all = [
    ["Types", worker.job_types.join(", ") || orNone("")],
    [
      "Tags",
      html`${
        Object.entries(worker.capabilities).filter(([name]) => name !== "job_types")
          .map(([name, value]) =>
            html`
              <span class="label">${name}=${value}</span>
            `
          )
      }`,
    ],
    ["Completed", countText(worker.completed_jobs)],
    ["Failed", countText(worker.failed_jobs)],
    ["Heartbeat", ago(worker.last_heartbeat)],
    ["Registered", moment(worker.registered_at)],
    ["Address", orNone(worker.address)],
    ["Gets jobs by", orNone(worker.road)],
    ["Version", orNone(worker.version)],
  ];
  if (worker.disconnected_at !== undefined) {
    all.push(["Gone since", moment(worker.disconnected_at)]);
  }
  if (worker.drained_by !== "") all.push(["Drained by", worker.drained_by]);
  if (worker.hand_back_at !== undefined) all.push(["Hands back", ago(worker.hand_back_at)]);
  if (worker.cpu_millis > 0) {
    all.push([
      "Processors",
      meter(
        worker.cpu_millis_held,
        worker.cpu_millis,
        `${worker.cpu_millis_held / 1_000} of ${worker.cpu_millis / 1_000} asked for`,
      ),
    ]);
  }
  if (worker.memory_bytes > 0) {
    all.push([
      "Memory",
      meter(
        worker.memory_bytes_held,
        worker.memory_bytes,
        `${bytesText(worker.memory_bytes_held)} of ${bytesText(worker.memory_bytes)} asked for`,
      ),
    ]);
  }
  if (stats !== undefined) {
    all.push(
      ["Host's CPU", meter(stats.cpu_usage, 1, percentText(stats.cpu_usage))],
      ["Host's memory", meter(stats.memory_usage, 1, percentText(stats.memory_usage))],
      [
        "Its own memory",
        `${bytesText(stats.worker_memory_bytes)}, executors ${
          bytesText(stats.executors_memory_bytes)
        }`,
      ],
      ["Executors", countText(stats.executor_processes)],
      ["Unreported", countText(stats.pending_reports)],
    );
  }
  return all;
}
