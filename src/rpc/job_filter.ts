/**
 * Filters and orders of jobs, between the wire and the domain. A wrong value is refused by the name of
 * its field.
 *
 * @module
 */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  fieldsAgainstOrder,
  isByEnd,
  isCursor,
  JOB_ORDERS,
  JOB_STATUSES,
  type JobFilter,
  type JobOrder,
  type JobStatus,
} from "../jobs/mod.ts";
import { type JobFilter as WireFilter, JobFilterSchema } from "./gen/scheduler_pb.ts";
import { Refusal } from "./status.ts";

/** Labels of one filter: each further one is a look-up for every job that has the first. */
const LABELS_MAX = 16;

export function filterToWire(filter: JobFilter): MessageInitShape<typeof JobFilterSchema> {
  const { createdFromMs, createdBeforeMs } = filter;
  return {
    status: filter.status ?? "",
    type: filter.type ?? "",
    labels: { ...filter.labels },
    workerId: filter.worker ?? "",
    queue: filter.queue ?? "",
    batchId: filter.batchId ?? "",
    parentId: filter.parentId ?? "",
    schedule: filter.schedule ?? "",
    namespace: filter.namespaces?.[0] ?? "",
    ...(createdFromMs !== undefined && { createdFrom: timestampFromMs(createdFromMs) }),
    ...(createdBeforeMs !== undefined && { createdBefore: timestampFromMs(createdBeforeMs) }),
    deadLetters: filter.deadLetter ?? false,
    unfinished: filter.isFinished === false,
  };
}

/** @throws Refusal `invalid` */
export function filterFromWire(wire: WireFilter = create(JobFilterSchema)): JobFilter {
  const labels = Object.keys(wire.labels).length;
  if (labels > LABELS_MAX) {
    throw new Refusal("invalid", `filter.labels has ${labels} entries; it may have ${LABELS_MAX}`);
  }
  return {
    ...(wire.status !== "" && { status: statusFromWire(wire.status, "filter.status") }),
    ...(wire.type !== "" && { type: wire.type }),
    ...(labels > 0 && { labels: wire.labels }),
    ...(wire.workerId !== "" && { worker: wire.workerId }),
    ...(wire.queue !== "" && { queue: wire.queue }),
    ...(wire.batchId !== "" && { batchId: wire.batchId }),
    ...(wire.parentId !== "" && { parentId: wire.parentId }),
    ...(wire.schedule !== "" && { schedule: wire.schedule }),
    ...(wire.namespace !== "" && { namespaces: [wire.namespace] }),
    ...(wire.createdFrom !== undefined && {
      createdFromMs: dateFromWire(wire.createdFrom, "filter.created_from"),
    }),
    ...(wire.createdBefore !== undefined && {
      createdBeforeMs: dateFromWire(wire.createdBefore, "filter.created_before"),
    }),
    ...(wire.deadLetters && { deadLetter: true }),
    ...(wire.unfinished && { isFinished: false }),
  };
}

/**
 * A time that a date can say, since it is shown as one; protobuf's own rule is narrower still.
 *
 * @throws Refusal `invalid` that names `field`
 */
function dateFromWire(time: Timestamp, field: string): number {
  const ms = timestampMs(time);
  if (Math.abs(ms) <= TIME_MS_MAX) return ms;
  throw new Refusal("invalid", `${field} is no date: it has ${time.seconds} seconds`);
}

/** The last one that a Date can be. */
const TIME_MS_MAX = 8.64e15;

/** @throws Refusal `invalid` that names `field` */
export function statusFromWire(name: string, field: string): JobStatus {
  const status = JOB_STATUSES.find((each) => each === name);
  if (status !== undefined) return status;
  throw new Refusal(
    "invalid",
    `${field} is ${JSON.stringify(name)}; it may be one of ${JOB_STATUSES.join(", ")}`,
  );
}

/**
 * The order and the place in it that a list asks for.
 *
 * @throws Refusal `invalid` for what there is not, and for what does not go with the filter
 */
export function placeFromWire(
  { order: name, cursor }: { readonly order: string; readonly cursor: string },
  filter: JobFilter,
): { readonly order?: JobOrder; readonly cursor?: string } {
  const order = JOB_ORDERS.find((each) => each === name);
  if (order === undefined && name !== "") {
    throw new Refusal(
      "invalid",
      `order is ${JSON.stringify(name)}; it may be one of ${JOB_ORDERS.join(", ")}`,
    );
  }
  if (isByEnd(order)) {
    const [against] = fieldsAgainstOrder(filter);
    if (against !== undefined) {
      throw new Refusal(
        "invalid",
        `order ${order} goes with the filters status, dead_letters, type, queue, worker_id and ` +
          `namespace alone, not with ${FIELD_NAMES[against]}; order by newest or oldest instead`,
      );
    }
  }
  if (cursor !== "" && !isCursor(cursor, order)) {
    const shown = JSON.stringify(cursor.slice(0, 80));
    throw new Refusal("invalid", `cursor ${shown} is not one of ours for this order`);
  }
  return { ...(order !== undefined && { order }), ...(cursor !== "" && { cursor }) };
}

/** What the fields of a filter are called on the wire. */
const FIELD_NAMES: Readonly<Record<keyof JobFilter, string>> = {
  status: "status",
  isFinished: "unfinished",
  type: "type",
  deadLetter: "dead_letters",
  labels: "labels",
  worker: "worker_id",
  queue: "queue",
  batchId: "batch_id",
  parentId: "parent_id",
  schedule: "schedule",
  namespaces: "namespace",
  createdFromMs: "created_from",
  createdBeforeMs: "created_before",
};

/** In words, for messages and the audit log. */
export function filterText(filter: JobFilter): string {
  const { labels = {}, createdFromMs, createdBeforeMs, isFinished: _isFinished, ...rest } = filter;
  return [
    ...Object.entries(rest).map(([name, value]) =>
      `${FIELD_NAMES[name as keyof JobFilter]}=${String(value)}`
    ),
    ...Object.entries(labels).map(([name, value]) => `label ${name}=${value}`),
    ...(createdFromMs === undefined
      ? []
      : [`created_from=${new Date(createdFromMs).toISOString()}`]),
    ...(createdBeforeMs === undefined
      ? []
      : [`created_before=${new Date(createdBeforeMs).toISOString()}`]),
  ].join(", ");
}
