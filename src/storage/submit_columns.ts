/**
 * Submissions of one Command side by side, in log entries from format 4 on: what neighbours have alike is
 * said once, and their ids, keys and payloads are a text and a byte string for many. The library then
 * reads and writes a few values for many jobs, where it was a dozen for each.
 *
 * A group is `[jobs, kind, ids, keys, payload lengths]`. Its kind is `[type, priority, maxRetries,
 * timeoutMs, retryDelayMs, ...]` with numbers and values of what may be left out, as in
 * `submit_spec_wire.ts`, or null: that of the group before. Its ids are of one length, one after the
 * other; its keys are lines, or null: it has none; one length stands for all that are equal.
 *
 * @module
 */

import type { SubmitSpec } from "../jobs/mod.ts";
import { binary, list, malformed, number, text } from "./command_values.ts";

/**
 * Jobs of a group at most. V8 makes their ids and keys parts of the group's text, so that a job which
 * waits for long keeps those of its neighbours: some 1 kB.
 */
const GROUP_JOBS_MAX = 16;

/** The groups, and all payloads; undefined: one of the jobs has more to it than they can say. */
export function columnsToWire(
  jobs: readonly SubmitSpec[],
): [groups: unknown[], payloads: Uint8Array] | undefined {
  if (!jobs.every(isPlain)) return undefined;
  const groups: unknown[] = [];
  let before: SubmitSpec | undefined;
  for (let start = 0; start < jobs.length;) {
    const group = jobs.slice(start, endOfGroup(jobs, start));
    const first = group[0]!;
    const isAsBefore = before !== undefined && isOfOneKind(before, first);
    groups.push([
      group.length,
      isAsBefore ? null : kindToWire(first),
      group.map(({ id }) => id).join(""),
      first.idempotencyKey === undefined
        ? null
        : group.map(({ idempotencyKey }) => idempotencyKey).join("\n"),
      lengthsToWire(group),
    ]);
    before = first;
    start += group.length;
  }
  return [groups, joined(jobs)];
}

/**
 * The payloads are parts of `payloads`.
 * @throws {CommandFormatError}
 */
export function columnsFromWire(groupsWire: unknown, payloadsWire: unknown): SubmitSpec[] {
  const payloads = binary(payloadsWire);
  const jobs: SubmitSpec[] = [];
  let kind: Kind | undefined;
  let payloadAt = 0;
  for (const groupWire of list(groupsWire)) {
    const [count, kindWire, idsWire, keysWire, lengths] = list(groupWire);
    if (kindWire !== null) kind = kindFromWire(kindWire);
    if (kind === undefined) throw malformed("a group of submissions is of no kind");
    const jobCount = number(count);
    const ids = text(idsWire);
    const idLength = ids.length / jobCount;
    if (!isLength(jobCount) || !isLength(idLength)) {
      throw malformed(`ids of ${ids.length} characters for ${jobCount} jobs`);
    }
    const keys = keysWire === null ? undefined : text(keysWire).split("\n");
    if (keys !== undefined && keys.length !== jobCount) {
      throw malformed(`${keys.length} keys for ${jobCount} jobs`);
    }
    for (let place = 0; place < jobCount; place++) {
      const length = number(Array.isArray(lengths) ? lengths[place] : lengths);
      const payloadEnd = payloadAt + length;
      if (!isLength(length) || payloadEnd > payloads.byteLength) {
        throw malformed(`a payload of ${length} bytes is not there`);
      }
      const id = ids.slice(place * idLength, (place + 1) * idLength);
      jobs.push(specOf(kind, id, payloads.subarray(payloadAt, payloadEnd), keys?.[place]));
      payloadAt = payloadEnd;
    }
  }
  if (payloadAt !== payloads.byteLength) throw malformed("there are more payloads than jobs");
  return jobs;
}

/** What submissions of a group have alike. */
type Kind = Omit<SubmitSpec, "id" | "payload" | "idempotencyKey">;

function specOf(
  kind: Kind,
  id: string,
  payload: Uint8Array,
  idempotencyKey: string | undefined,
): SubmitSpec {
  const spec: { -readonly [Field in keyof SubmitSpec]: SubmitSpec[Field] } = {
    id,
    type: kind.type,
    payload,
    priority: kind.priority,
    maxRetries: kind.maxRetries,
    timeoutMs: kind.timeoutMs,
    retryDelayMs: kind.retryDelayMs,
  };
  if (idempotencyKey !== undefined) spec.idempotencyKey = idempotencyKey;
  if (kind.submittedBy !== undefined) spec.submittedBy = kind.submittedBy;
  if (kind.traceparent !== undefined) spec.traceparent = kind.traceparent;
  if (kind.namespace !== undefined) spec.namespace = kind.namespace;
  return spec;
}

function kindToWire(spec: SubmitSpec): unknown[] {
  const { type, priority, maxRetries, timeoutMs, retryDelayMs } = spec;
  const wire: unknown[] = [type, priority, maxRetries, timeoutMs, retryDelayMs];
  if (spec.submittedBy !== undefined) wire.push(6, spec.submittedBy);
  if (spec.traceparent !== undefined) wire.push(7, spec.traceparent);
  if (spec.namespace !== undefined) wire.push(9, spec.namespace);
  return wire;
}

function kindFromWire(value: unknown): Kind {
  const wire = list(value);
  const kind: { -readonly [Field in keyof Kind]: Kind[Field] } = {
    type: text(wire[0]),
    priority: number(wire[1]),
    maxRetries: number(wire[2]),
    timeoutMs: number(wire[3]),
    retryDelayMs: number(wire[4]),
  };
  for (let at = 5; at < wire.length; at += 2) {
    const value = text(wire[at + 1]);
    if (wire[at] === 6) kind.submittedBy = value;
    else if (wire[at] === 7) kind.traceparent = value;
    else if (wire[at] === 9) kind.namespace = value;
    else throw malformed(`submissions have an option ${String(wire[at])}, which is not known`);
  }
  return kind;
}

function isPlain(spec: SubmitSpec): boolean {
  const { notBeforeMs, fingerprint, labels, requiredTags, options, idempotencyKey } = spec;
  return notBeforeMs === undefined && fingerprint === undefined && labels === undefined &&
    requiredTags === undefined && options === undefined && idempotencyKey?.includes("\n") !== true;
}

function endOfGroup(jobs: readonly SubmitSpec[], start: number): number {
  const first = jobs[start]!;
  const endMax = Math.min(jobs.length, start + GROUP_JOBS_MAX);
  let end = start + 1;
  while (end < endMax && isOfOneGroup(first, jobs[end]!)) end++;
  return end;
}

function isOfOneGroup(a: SubmitSpec, b: SubmitSpec): boolean {
  return a.id.length === b.id.length && isOfOneKind(a, b) &&
    (a.idempotencyKey === undefined) === (b.idempotencyKey === undefined);
}

function isOfOneKind(a: Kind, b: Kind): boolean {
  return a.type === b.type && a.priority === b.priority && a.maxRetries === b.maxRetries &&
    a.timeoutMs === b.timeoutMs && a.retryDelayMs === b.retryDelayMs &&
    a.submittedBy === b.submittedBy && a.traceparent === b.traceparent &&
    a.namespace === b.namespace;
}

function lengthsToWire(group: readonly SubmitSpec[]): number | number[] {
  const { byteLength } = group[0]!.payload;
  const isOne = group.every(({ payload }) => payload.byteLength === byteLength);
  return isOne ? byteLength : group.map(({ payload }) => payload.byteLength);
}

function joined(jobs: readonly SubmitSpec[]): Uint8Array {
  const bytes = new Uint8Array(jobs.reduce((sum, { payload }) => sum + payload.byteLength, 0));
  let at = 0;
  for (const { payload } of jobs) {
    bytes.set(payload, at);
    at += payload.byteLength;
  }
  return bytes;
}

function isLength(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
