// @ts-check
/** Batches: many jobs under one handle. */

import { get } from "../api.js";
import { Feed } from "../feed.js";
import { countText } from "../format.js";
import { html } from "../lit.js";
import { ago } from "../parts/moment.js";
import { barePanel, heading } from "../parts/page.js";
import { countsBar } from "../parts/status.js";
import { emptyBox, fed } from "../parts/states.js";
import { table } from "../parts/table.js";
import { href, within } from "../router.js";

const SHOWN_MAX = 200;

/** @type {import("../view.js").View} */
export function batchesView(context) {
  context.title("Batches");
  const feed = new Feed(
    context,
    (signal) => get("batches", { limit: SHOWN_MAX }, signal),
    { followsJobs: true },
  );
  return () =>
    html`
      ${heading("Batches", {
        note: feed.data?.next_cursor ? `the latest ${SHOWN_MAX}` : "the latest first",
      })}
      ${fed(feed, ({ batches }) =>
        batches.length === 0
          ? emptyBox("No batch has jobs.", html`<code>conductor batch submit JOBS.jsonl</code>`)
          : barePanel("Batches", list(batches)))}
    `;
}

/** @param {readonly import("../wire.js").Batch[]} batches */
function list(batches) {
  return table(
    "Batches",
    [
      {
        name: "Batch",
        isHead: true,
        cell: ({ id, namespace }) =>
          html`<a href=${href(["batches", id], within(namespace))}>${id}</a>`,
      },
      { name: "Progress", cell: (batch) => countsBar(countsOf(batch)) },
      { name: "Finished", isNumber: true, cell: (batch) => countText(finishedOf(batch)) },
      { name: "Failed", isNumber: true, cell: ({ failed }) => countText(failed) },
      { name: "Jobs", isNumber: true, cell: ({ total }) => countText(total) },
      { name: "By", isMinor: true, cell: ({ submitted_by }) => submitted_by },
      { name: "Made", isMinor: true, cell: ({ created_at }) => ago(created_at) },
    ],
    batches,
    ({ id, namespace }) => JSON.stringify([namespace, id]),
  );
}

/**
 * @param {import("../wire.js").Batch} batch
 * @returns {Record<string, number>}
 */
export function countsOf({ waiting, pending, assigned, running, completed, failed, cancelled }) {
  return { waiting, pending, assigned, running, completed, failed, cancelled };
}

/** @param {import("../wire.js").Batch} batch */
export function finishedOf({ completed, failed, cancelled }) {
  return completed + failed + cancelled;
}
