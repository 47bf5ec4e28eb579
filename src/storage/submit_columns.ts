/**
 * Submissions of one Command side by side, in log entries from format 4 on: what neighbours have alike is
 * said once, and their ids, keys and payloads are a text and a byte string for many. The library then
 * reads and writes a few values for many jobs, where it was a dozen for each.
 *
 * A group is `[jobs, kind, ids, keys, payload lengths, traces]`. Its kind is `[type, priority, maxRetries,
 * timeoutMs, retryDelayMs, ...]` with numbers and values of what may be left out, as in
 * `submit_spec_wire.ts`, or null: that of the group before. Its ids are of one length, one after the
 * other; its keys are lines, or null: it has none; one length stands for all that are equal. Traces are
 * lines where each job has its own, from format 6 on, and left out else: that of all is in the kind.
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

/**
 * The groups, and all payloads; undefined: one of the jobs has more to it than they can say.
 *
 * @param hasOwnTraces whether those who read it know of groups in which each job has its own trace
 */
export function columnsToWire(
  jobs: readonly SubmitSpec[],
  hasOwnTraces: boolean,
): [groups: unknown[], payloads: Uint8Array] | undefined {
  if (!jobs.every(isPlain)) return undefined;
  const groups: unknown[] = [];
  let before: Kind | undefined;
  for (let start = 0; start < jobs.length;) {
    let end = endOfGroup(jobs, start, isOfOneGroup);
    const isAlone = end === start + 1;
    if (isAlone && hasOwnTraces) end = endOfGroup(jobs, start, isOfOneGroupButForTraces);
    const areTracesApart = isAlone && end > start + 1;
    const group = jobs.slice(start, end);
    const first = group[0]!;
    const kind: Kind = areTracesApart ? withoutTrace(first) : first;
    const isAsBefore = before !== undefined && isOfOneKind(before, kind);
    groups.push([
      group.length,
      isAsBefore ? null : kindToWire(kind),
      group.map(({ id }) => id).join(""),
      first.idempotencyKey === undefined
        ? null
        : group.map(({ idempotencyKey }) => idempotencyKey).join("\n"),
      lengthsToWire(group),
      ...(areTracesApart ? [group.map(({ traceparent }) => traceparent).join("\n")] : []),
    ]);
    before = kind;
    start = end;
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
    const [count, kindWire, idsWire, keysWire, lengths, tracesWire] = list(groupWire);
    if (kindWire !== null) kind = kindFromWire(kindWire);
    if (kind === undefined) throw malformed("a group of submissions is of no kind");
    const jobCount = number(count);
    const ids = text(idsWire);
    const idLength = ids.length / jobCount;
    if (!isLength(jobCount) || !isLength(idLength)) {
      throw malformed(`ids of ${ids.length} characters for ${jobCount} jobs`);
    }
    const keys = keysWire === null ? undefined : linesOf(keysWire, jobCount, "keys");
    const traces = tracesWire === undefined ? undefined : linesOf(tracesWire, jobCount, "traces");
    for (let place = 0; place < jobCount; place++) {
      const length = number(Array.isArray(lengths) ? lengths[place] : lengths);
      const payloadEnd = payloadAt + length;
      if (!isLength(length) || payloadEnd > payloads.byteLength) {
        throw malformed(`a payload of ${length} bytes is not there`);
      }
      const id = ids.slice(place * idLength, (place + 1) * idLength);
      const payload = payloads.subarray(payloadAt, payloadEnd);
      jobs.push(specOf(kind, { id, payload, key: keys?.[place], trace: traces?.[place] }));
      payloadAt = payloadEnd;
    }
  }
  if (payloadAt !== payloads.byteLength) throw malformed("there are more payloads than jobs");
  return jobs;
}

/** What submissions of a group have alike. */
type Kind = Omit<SubmitSpec, "id" | "payload" | "idempotencyKey">;

function linesOf(wire: unknown, jobCount: number, what: string): string[] {
  const lines = text(wire).split("\n");
  if (lines.length !== jobCount) throw malformed(`${lines.length} ${what} for ${jobCount} jobs`);
  return lines;
}

interface Own {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly key: string | undefined;
  /** Undefined: that of its kind. */
  readonly trace: string | undefined;
}

function specOf(kind: Kind, { id, payload, key, trace = kind.traceparent }: Own): SubmitSpec {
  const spec: { -readonly [Field in keyof SubmitSpec]: SubmitSpec[Field] } = {
    id,
    type: kind.type,
    payload,
    priority: kind.priority,
    maxRetries: kind.maxRetries,
    timeoutMs: kind.timeoutMs,
    retryDelayMs: kind.retryDelayMs,
  };
  if (key !== undefined) spec.idempotencyKey = key;
  if (kind.submittedBy !== undefined) spec.submittedBy = kind.submittedBy;
  if (trace !== undefined) spec.traceparent = trace;
  if (kind.namespace !== undefined) spec.namespace = kind.namespace;
  return spec;
}

function kindToWire(spec: Kind): unknown[] {
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

function endOfGroup(
  jobs: readonly SubmitSpec[],
  start: number,
  isOfOne: (a: SubmitSpec, b: SubmitSpec) => boolean,
): number {
  const first = jobs[start]!;
  const endMax = Math.min(jobs.length, start + GROUP_JOBS_MAX);
  let end = start + 1;
  while (end < endMax && isOfOne(first, jobs[end]!)) end++;
  return end;
}

function isOfOneGroup(a: SubmitSpec, b: SubmitSpec): boolean {
  return a.traceparent === b.traceparent && isAlikeButForTraces(a, b);
}

function isOfOneGroupButForTraces(a: SubmitSpec, b: SubmitSpec): boolean {
  return isLine(a.traceparent) && isLine(b.traceparent) && isAlikeButForTraces(a, b);
}

function isAlikeButForTraces(a: SubmitSpec, b: SubmitSpec): boolean {
  return a.id.length === b.id.length && isOfOneKindButForTraces(a, b) &&
    (a.idempotencyKey === undefined) === (b.idempotencyKey === undefined);
}

function isOfOneKind(a: Kind, b: Kind): boolean {
  return a.traceparent === b.traceparent && isOfOneKindButForTraces(a, b);
}

function isOfOneKindButForTraces(a: Kind, b: Kind): boolean {
  return a.type === b.type && a.priority === b.priority && a.maxRetries === b.maxRetries &&
    a.timeoutMs === b.timeoutMs && a.retryDelayMs === b.retryDelayMs &&
    a.submittedBy === b.submittedBy && a.namespace === b.namespace;
}

function isLine(text: string | undefined): boolean {
  return text !== undefined && !text.includes("\n");
}

function withoutTrace({ traceparent: _, ...kind }: SubmitSpec): Kind {
  return kind;
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
