// @ts-check
/** One batch, as its counts change. */

import { get, path } from "../api.js";
import { Feed } from "../feed.js";
import { counted, countText, percentText } from "../format.js";
import { html, nothing } from "../lit.js";
import { act, ask } from "../parts/ask.js";
import { moment, orNone } from "../parts/moment.js";
import { heading, panel } from "../parts/page.js";
import { countsBar, statusBadge, STATUSES } from "../parts/status.js";
import { fed } from "../parts/states.js";
import { factList, table } from "../parts/table.js";
import { href, within } from "../router.js";
import { countsOf, finishedOf } from "./batches.js";

/** @type {import("../view.js").View} */
export function batchView(context) {
  const [, id = ""] = context.route.path;
  const { session } = context;
  const namespace = within(context.route.query.get("namespace"));
  context.title(`Batch ${id}`);
  const feed = new Feed(context, (signal) => get(path`batches/${id}`, namespace, signal), {
    followsJobs: true,
  });
  const mayCancel = session.may("POST", "batches/{batch_id}/cancel");
  return () =>
    fed(feed, ({ batch }) =>
      html`
        ${heading(id, {
          back: [href(["batches"]), "Batches"],
          note: batch.finished
            ? "finished"
            : `${percentText(finishedOf(batch) / Math.max(1, batch.total))} finished`,
          actions: html`
            <a class="button" href=${href(["jobs"], { batch_id: id, ...namespace })}>Its jobs</a>
            ${mayCancel && !batch.finished
              ? html`<button type="button" class="grave" @click=${() =>
                cancelBatch(id, namespace).then(() => feed.reload())}>
                Cancel batch</button>`
              : nothing}
          `,
        })}
        ${panel(
          "Jobs",
          html`<div class="big-bar">${countsBar(countsOf(batch))}</div>${byStatus(batch, id)}`,
        )}
        ${panel(
          "Facts",
          factList([
            ["Jobs", countText(batch.total)],
            ["Made", moment(batch.created_at)],
            ["By", orNone(batch.submitted_by)],
          ]),
        )}
      `);
}

/** @param {import("../wire.js").Batch} batch @param {string} id */
function byStatus(batch, id) {
  const counts = countsOf(batch);
  return table("Jobs of the batch by status", [
    {
      name: "Status",
      isHead: true,
      cell: (status) =>
        html`<a href=${href(["jobs"], { batch_id: id, status, ...within(batch.namespace) })}>${
          statusBadge(status)
        }</a>`,
    },
    { name: "Jobs", isNumber: true, cell: (status) => countText(counts[status] ?? 0) },
  ], STATUSES);
}

/** @param {string} id @param {{ namespace?: string }} namespace */
async function cancelBatch(id, namespace) {
  const answer = await ask({
    title: "Cancel what is unfinished of this batch?",
    text: html`<label><span>Reason</span><input name="reason" autocomplete="off"></label>`,
    yes: "Cancel it",
    isGrave: true,
  });
  if (answer === undefined) return;
  await act(
    "POST",
    path`batches/${id}/cancel`,
    { reason: String(answer.get("reason") ?? ""), ...namespace },
    ({ cancelled }) => `${counted(Number(cancelled), "job")} cancelled.`,
  );
}
