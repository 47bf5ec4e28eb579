/**
 * A submission as a flat list, in log entries: what every one has, by its place, then number and
 * value of what this one has. Numbers are never reused.
 *
 * @module
 */

import type { SubmitSpec } from "../jobs/mod.ts";
import {
  binary,
  list,
  malformed,
  number,
  stringMap,
  stringMapToWire,
  text,
} from "./command_values.ts";
import { optionsFromWire, optionsToWire } from "./job_options_wire.ts";

export function specToWire(spec: SubmitSpec): unknown[] {
  const wire: unknown[] = [
    spec.id,
    spec.type,
    spec.payload,
    spec.priority,
    spec.maxRetries,
    spec.timeoutMs,
    spec.retryDelayMs,
  ];
  // Optional fields: a number, which is never reused, and the value.
  if (spec.notBeforeMs !== undefined) wire.push(1, spec.notBeforeMs);
  if (spec.idempotencyKey !== undefined) wire.push(2, spec.idempotencyKey);
  if (spec.fingerprint !== undefined) wire.push(3, spec.fingerprint);
  if (spec.labels !== undefined) wire.push(4, stringMapToWire(spec.labels));
  if (spec.requiredTags !== undefined) wire.push(5, stringMapToWire(spec.requiredTags));
  if (spec.submittedBy !== undefined) wire.push(6, spec.submittedBy);
  if (spec.traceparent !== undefined) wire.push(7, spec.traceparent);
  if (spec.options !== undefined) wire.push(8, optionsToWire(spec.options));
  if (spec.namespace !== undefined) wire.push(9, spec.namespace);
  return wire;
}

/**
 * The payload is a part of the entry.
 * @throws {CommandFormatError}
 */
export function specFromWire(value: unknown): SubmitSpec {
  const wire = list(value);
  const spec: { -readonly [Field in keyof SubmitSpec]: SubmitSpec[Field] } = {
    id: text(wire[0]),
    type: text(wire[1]),
    payload: binary(wire[2]),
    priority: number(wire[3]),
    maxRetries: number(wire[4]),
    timeoutMs: number(wire[5]),
    retryDelayMs: number(wire[6]),
  };
  for (let at = 7; at < wire.length; at += 2) {
    const value = wire[at + 1];
    switch (wire[at]) {
      case 1:
        spec.notBeforeMs = number(value);
        break;
      case 2:
        spec.idempotencyKey = text(value);
        break;
      case 3:
        spec.fingerprint = text(value);
        break;
      case 4:
        spec.labels = stringMap(value);
        break;
      case 5:
        spec.requiredTags = stringMap(value);
        break;
      case 6:
        spec.submittedBy = text(value);
        break;
      case 7:
        spec.traceparent = text(value);
        break;
      case 8:
        spec.options = optionsFromWire(value);
        break;
      case 9:
        spec.namespace = text(value);
        break;
      default:
        throw malformed(`a submission has an option ${String(wire[at])}, which is not known`);
    }
  }
  return spec;
}
