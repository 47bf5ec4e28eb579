// @ts-check
/** Workers: who works, how full, who is leaving. */

import { get, path } from "../api.js";
import { Feed } from "../feed.js";
import { bytesText, counted, countText, partText, percentText } from "../format.js";
import { html, nothing } from "../lit.js";
import { act, ask } from "../parts/ask.js";
import { ago } from "../parts/moment.js";
import { barePanel, heading } from "../parts/page.js";
import { meter } from "../parts/meter.js";
import { standingBadge } from "../parts/status.js";
import { emptyBox, fed } from "../parts/states.js";
import { table } from "../parts/table.js";
import { href } from "../router.js";

/** @typedef {import("../wire.js").Worker} Worker */

/** A page of them at most. */
const SHOWN_MAX = 1_000;

/** @type {import("../view.js").View} */
export function workersView(context) {
  const { session } = context;
  context.title("Workers");
  const feed = new Feed(context, async (signal) => {
    const { workers, total } = await get("workers", { limit: SHOWN_MAX }, signal);
    // Where the first one would have to be told to come.
    const mayAsk = workers.length === 0 && session.may("GET", "cluster");
    const cluster = mayAsk ? await get("cluster", {}, signal) : undefined;
    return { workers, total, join: cluster?.leader_address || `${location.hostname}:9000` };
  }, {
    everyMs: 5_000,
    followsJobs: true,
  });
  return () =>
    html`
      ${heading("Workers", {
        note: feed.data === undefined ? nothing : summary(feed.data),
      })}
      ${fed(feed, ({ workers, join }) =>
        workers.length === 0
          ? emptyBox(
            "No worker has come yet.",
            html`<code>conductor worker --join ${join}</code>`,
          )
          : barePanel("Workers", list(workers, session, () => feed.reload())))}
    `;
}

/** @param {{ workers: readonly Worker[], total: number }} data */
function summary({ workers, total }) {
  const here = workers.filter(({ status }) => status !== "disconnected");
  const slots = here.reduce((sum, { max_concurrent_jobs: each }) => sum + each, 0);
  const busy = here.reduce((sum, { active_jobs: each }) => sum + each, 0);
  const part = partText(workers.length, total);
  return `${part === "" ? "" : `${part}: `}${counted(here.length, "worker")}, ${
    countText(busy)
  } of ${counted(slots, "slot")} busy`;
}

/**
 * @param {readonly Worker[]} workers
 * @param {import("../session.js").Session} session
 * @param {() => void} done
 */
function list(workers, session, done) {
  return table(
    "Workers",
    [
      {
        name: "Worker",
        isHead: true,
        cell: ({ id }) => html`<a href=${href(["workers", id])}>${id}</a>`,
      },
      { name: "State", cell: ({ status }) => standingBadge(status) },
      { name: "Slots", cell: slotsMeter },
      {
        name: "CPU",
        isNumber: true,
        isMinor: true,
        cell: ({ stats }) => stats ? percentText(stats.cpu_usage) : "–",
      },
      {
        name: "Memory",
        isNumber: true,
        isMinor: true,
        cell: ({ stats }) =>
          stats ? bytesText(stats.worker_memory_bytes + stats.executors_memory_bytes) : "–",
      },
      {
        name: "Completed",
        isNumber: true,
        isMinor: true,
        cell: ({ completed_jobs }) => countText(completed_jobs),
      },
      {
        name: "Failed",
        isNumber: true,
        isMinor: true,
        cell: ({ failed_jobs }) => countText(failed_jobs),
      },
      { name: "Heartbeat", isMinor: true, cell: ({ last_heartbeat }) => ago(last_heartbeat) },
      {
        name: "Actions",
        isBare: true,
        cell: (worker) => drainButton(worker, session, done, "small"),
      },
    ],
    workers,
    ({ id }) => id,
  );
}

/** @param {Worker} worker */
export function slotsMeter({ active_jobs: busy, max_concurrent_jobs: slots }) {
  return meter(busy, slots, `${countText(busy)} of ${countText(slots)}`);
}

/**
 * @param {Worker} worker
 * @param {import("../session.js").Session} session
 * @param {() => void} done
 * @param {string} kind of button
 */
export function drainButton({ id, status }, session, done, kind) {
  if (!session.may("POST", "workers/{worker_id}/drain")) return nothing;
  if (status !== "active" && status !== "draining") return nothing;
  const [name, press] = status === "draining" ? ["Undrain", undrain] : ["Drain", drain];
  return html`<button type="button" class=${kind} @click=${() => press(id).then(done)}>${name}<span
    class="unseen"> ${id}</span></button>`;
}

/** @param {string} id */
function undrain(id) {
  return act("POST", path`workers/${id}/drain`, { undrain: true }, `${id} gets jobs again.`);
}

/** @param {string} id */
async function drain(id) {
  const answer = await ask({
    title: `Drain ${id}?`,
    text: html`
      <p>It gets no new jobs. What it runs may finish, or is handed back to the queue after:</p>
      <label><span>Grace</span><select name="grace">
              <option value="">as long as it takes</option>
              <option value="30000">30 seconds</option>
              <option value="300000">5 minutes</option>
              <option value="0">at once</option>
            </select></label>
    `,
    yes: "Drain it",
  });
  if (answer === undefined) return;
  const grace = String(answer.get("grace") ?? "");
  const body = grace === "" ? {} : { grace_ms: Number(grace) };
  await act("POST", path`workers/${id}/drain`, body, `${id} gets no new jobs.`);
}
