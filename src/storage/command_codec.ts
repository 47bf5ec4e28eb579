/**
 * Commands as bytes of a log entry: a version byte, then one CBOR item (RFC 8949). Fields are told
 * apart by their place, not by name, which makes a submission about half as long and twice as fast;
 * the optional ones of a submission follow as number and value, so that old entries stay readable
 * when there are more.
 *
 * @module
 */

import { decode, encode, type EncodeOptions } from "cborg";
import type { Command, SubmitCommand } from "../jobs/mod.ts";
import {
  assignmentFromWire,
  assignmentToWire,
  attemptFromWire,
  attemptLogFromWire,
  attemptLogToWire,
  attemptToWire,
  expiredFromWire,
  expiredToWire,
  reportFromWire,
  reportToWire,
} from "./attempt_wire.ts";
import {
  asInFormat1,
  asInFormat6,
  assertFits,
  COLUMNS_FORMAT,
  COMMAND_FORMAT_VERSION,
  ENTRY_FORMATS,
  kindNumbers,
  NEW_PLACE_FORMAT,
  OWN_TRACES_FORMAT,
} from "./command_format.ts";
import {
  boolean,
  CommandFormatError,
  ending,
  list,
  malformed,
  number,
  oneOf,
  optional,
  text,
} from "./command_values.ts";
import {
  alterFromWire,
  alterToWire,
  fireFromWire,
  fireToWire,
  putFromWire,
  putToWire,
} from "./schedule_wire.ts";
import {
  revokeFromWire,
  revokeToWire,
  rotateFromWire,
  rotateToWire,
  setPolicyFromWire,
  setPolicyToWire,
  useFromWire,
  useToWire,
} from "./security_wire.ts";
import { columnsFromWire, columnsToWire } from "./submit_columns.ts";
import { specFromWire, specToWire } from "./submit_spec_wire.ts";
import { configureFromWire, configureToWire } from "./settings_wire.ts";
import { workerFromWire, workerToWire } from "./worker_wire.ts";

/**
 * Encodes a Command in one of {@linkcode ENTRY_FORMATS}; the bytes are the caller's own.
 * @throws {RangeError} for a number that is none: no replica could read it back
 * @throws {CommandNeedsNewerFormat}
 */
export function encodeCommand(
  command: Command,
  format: number = COMMAND_FORMAT_VERSION,
): Uint8Array {
  if (format < ENTRY_FORMATS.oldest || format > ENTRY_FORMATS.newest) {
    throw new RangeError(`Cannot encode a command in format ${format}`);
  }
  assertFits(command, format);
  const said = format < NEW_PLACE_FORMAT ? asInFormat6(command, format) : command;
  const wire = (format >= COLUMNS_FORMAT ? sideBySide(said, format) : undefined) ??
    toWire(format < 2 ? asInFormat1(said) : said);
  const body = encode(wire, encodeOptions);
  const bytes = new Uint8Array(body.byteLength + 1);
  bytes[0] = format;
  bytes.set(body, 1);
  return bytes;
}

/** Several submissions that have little of their own. */
function sideBySide(command: Command, format: number): unknown[] | undefined {
  if (command.kind !== "submit" || command.jobs.length < 2) return undefined;
  const columns = columnsToWire(command.jobs, format >= OWN_TRACES_FORMAT);
  return columns && [SIDE_BY_SIDE, command.atMs, ...columns, ...boundsToWire(command)];
}

const encodeOptions: EncodeOptions = {
  typeEncoders: {
    number(value: number) {
      if (!Number.isFinite(value)) {
        throw new RangeError(`Cannot encode a command with ${value} in it`);
      }
      return null; // as usual
    },
  },
};

/**
 * Decodes a Command. Payloads and outputs of jobs are parts of `bytes`, which nobody may change; whoever
 * keeps one for long copies it.
 * @throws {CommandFormatError}
 */
export function decodeCommand(bytes: Uint8Array): Command {
  const version = bytes[0];
  if (version === undefined) throw malformed("it is empty");
  if (version < ENTRY_FORMATS.oldest || version > ENTRY_FORMATS.newest) {
    throw new CommandFormatError(
      "unknown_version",
      `Cannot read log entry: its format is version ${version}, and this program knows versions ` +
        `up to ${ENTRY_FORMATS.newest}; run a newer version of conductor`,
    );
  }
  let wire: unknown;
  try {
    wire = decode(new EntryBytes(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1));
  } catch (cause) {
    throw malformed("it is not CBOR", cause);
  }
  return fromWire(list(wire));
}

/**
 * Bytes of which the library takes parts where it would make copies: one of a payload costs as much as
 * reading the rest of its submission, and most are not needed for longer than their entry.
 */
class EntryBytes extends Uint8Array<ArrayBufferLike> {
  /** What is taken of it is plain. */
  static get [Symbol.species](): Uint8ArrayConstructor {
    return Uint8Array;
  }

  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end) as Uint8Array<ArrayBuffer>;
  }
}

// --- Commands ---------------------------------------------------------------------------------

/** In place of the number of the kind: submissions side by side. */
const SIDE_BY_SIDE = 17;

function toWire(command: Command): unknown[] {
  const head = [kindNumbers[command.kind], command.atMs];
  switch (command.kind) {
    case "submit":
      return [
        ...head,
        command.jobs.map(specToWire),
        ...boundsToWire(command),
      ];
    case "assign":
      return [
        ...head,
        command.assignments.map(assignmentToWire),
      ];
    case "report":
      return [...head, command.reports.map(reportToWire)];
    case "cancel":
      return [
        ...head,
        command.jobIds,
        command.reason,
        command.by,
        ...ending(command.logs?.map(attemptLogToWire)),
      ];
    case "redrive":
      return [...head, command.jobIds, ...ending(command.newPlace)];
    case "register_worker":
      return [
        ...head,
        workerToWire(command.worker),
        command.runningAttempts?.map(attemptToWire) ?? null,
        ...(command.crashLimit === undefined ? [] : [command.crashLimit]),
      ];
    case "expire_worker":
      return [
        ...head,
        command.workerId,
        command.sessionId,
        command.reason,
        command.leaderTerm ?? null,
        ...ending(command.crashLimit, command.logs?.map(attemptLogToWire)),
      ];
    case "deregister_worker":
      return [...head, command.workerId, command.sessionId];
    case "drain_worker":
      return [
        ...head,
        command.workerId,
        command.draining,
        command.by ?? null,
        ...(command.handBackAtMs === undefined ? [] : [command.handBackAtMs]),
      ];
    case "expire_attempts":
      return [
        ...head,
        command.attempts.map(expiredToWire),
        command.leaderTerm ?? null,
        ...ending(command.logs?.map(attemptLogToWire)),
      ];
    case "advance":
      return head;
    case "prune":
      return [
        ...head,
        command.jobSeqs,
        ...(command.deadLettersOnly === undefined ? [] : [command.deadLettersOnly]),
      ];
    case "configure":
      return [...head, ...configureToWire(command)];
    case "put_schedule":
      return [...head, ...putToWire(command)];
    case "alter_schedule":
      return [...head, ...alterToWire(command)];
    case "fire_schedule":
      return [...head, ...fireToWire(command)];
    case "revoke":
      return [...head, ...revokeToWire(command)];
    case "rotate_token":
      return [...head, ...rotateToWire(command)];
    case "use_token":
      return [...head, ...useToWire(command)];
    case "set_policy":
      return [...head, ...setPolicyToWire(command)];
  }
}

function fromWire(wire: unknown[]): Command {
  const atMs = number(wire[1]);
  switch (wire[0]) {
    case kindNumbers.submit:
      return {
        kind: "submit",
        atMs,
        jobs: list(wire[2]).map(specFromWire),
        ...boundsFromWire(wire.slice(3)),
      };
    case SIDE_BY_SIDE:
      return {
        kind: "submit",
        atMs,
        jobs: columnsFromWire(wire[2], wire[3]),
        ...boundsFromWire(wire.slice(4)),
      };
    case kindNumbers.assign:
      return { kind: "assign", atMs, assignments: list(wire[2]).map(assignmentFromWire) };
    case kindNumbers.report:
      return { kind: "report", atMs, reports: list(wire[2]).map(reportFromWire) };
    case kindNumbers.cancel:
      return {
        kind: "cancel",
        atMs,
        jobIds: list(wire[2]).map(text),
        reason: text(wire[3]),
        by: text(wire[4]),
        ...optional("logs", wire[5], (logs) => list(logs).map(attemptLogFromWire)),
      };
    case kindNumbers.redrive:
      return {
        kind: "redrive",
        atMs,
        jobIds: list(wire[2]).map(text),
        ...optional("newPlace", wire[3], boolean),
      };
    case kindNumbers.register_worker:
      return {
        kind: "register_worker",
        atMs,
        worker: workerFromWire(wire[2]),
        ...optional("runningAttempts", wire[3], (value) => list(value).map(attemptFromWire)),
        ...optional("crashLimit", wire[4], number),
      };
    case kindNumbers.expire_worker:
      return {
        kind: "expire_worker",
        atMs,
        workerId: text(wire[2]),
        sessionId: text(wire[3]),
        reason: text(wire[4]),
        ...optional("leaderTerm", wire[5], number),
        ...optional("crashLimit", wire[6], number),
        ...optional("logs", wire[7], (logs) => list(logs).map(attemptLogFromWire)),
      };
    case kindNumbers.deregister_worker:
      return {
        kind: "deregister_worker",
        atMs,
        workerId: text(wire[2]),
        sessionId: text(wire[3]),
      };
    case kindNumbers.drain_worker:
      return {
        kind: "drain_worker",
        atMs,
        workerId: text(wire[2]),
        draining: boolean(wire[3]),
        ...optional("by", wire[4], oneOf("operator", "worker")),
        ...optional("handBackAtMs", wire[5], number),
      };
    case kindNumbers.expire_attempts:
      return {
        kind: "expire_attempts",
        atMs,
        attempts: list(wire[2]).map(expiredFromWire),
        ...optional("leaderTerm", wire[3], number),
        ...optional("logs", wire[4], (logs) => list(logs).map(attemptLogFromWire)),
      };
    case kindNumbers.advance:
      return { kind: "advance", atMs };
    case kindNumbers.prune:
      return {
        kind: "prune",
        atMs,
        jobSeqs: list(wire[2]).map(number),
        ...optional("deadLettersOnly", wire[3], boolean),
      };
    case kindNumbers.configure:
      return { kind: "configure", atMs, ...configureFromWire(wire.slice(2)) };
    case kindNumbers.put_schedule:
      return { kind: "put_schedule", atMs, ...putFromWire(wire.slice(2)) };
    case kindNumbers.alter_schedule:
      return { kind: "alter_schedule", atMs, ...alterFromWire(wire.slice(2)) };
    case kindNumbers.fire_schedule:
      return { kind: "fire_schedule", atMs, ...fireFromWire(wire.slice(2)) };
    case kindNumbers.revoke:
      return { kind: "revoke", atMs, ...revokeFromWire(wire.slice(2)) };
    case kindNumbers.rotate_token:
      return { kind: "rotate_token", atMs, ...rotateFromWire(wire.slice(2)) };
    case kindNumbers.use_token:
      return { kind: "use_token", atMs, ...useFromWire(wire.slice(2)) };
    case kindNumbers.set_policy:
      return { kind: "set_policy", atMs, ...setPolicyFromWire(wire.slice(2)) };
    default:
      throw malformed(`there is no kind of command ${String(wire[0])}`);
  }
}

// --- Bounds of a submission ------------------------------------------------------------------------------

type SubmitBounds = Omit<SubmitCommand, "kind" | "atMs" | "jobs">;

function boundsToWire(bounds: SubmitBounds): unknown[] {
  const { allOrNothing = null, liveJobsMax = null } = bounds;
  const { clientJobsMax, keyRetentionMs, keysOfExisting } = bounds;
  return [allOrNothing, liveJobsMax, ...ending(clientJobsMax, keyRetentionMs, keysOfExisting)];
}

function boundsFromWire(wire: readonly unknown[]): SubmitBounds {
  return {
    ...optional("allOrNothing", wire[0], boolean),
    ...optional("liveJobsMax", wire[1], number),
    ...optional("clientJobsMax", wire[2], number),
    ...optional("keyRetentionMs", wire[3], number),
    ...optional("keysOfExisting", wire[4], boolean),
  };
}
