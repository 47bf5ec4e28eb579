/**
 * Formats of log entries: what each brought, and how a Command is kept to one that all members of a
 * cluster read.
 *
 * @module
 */

import type { Command, Report } from "../jobs/mod.ts";

/**
 * First byte of every encoded Command, at its newest. Format 2 brought the options of a job, the
 * purge of dead letters and the kinds of Command from 13 on, format 3 namespaces; what needs none of
 * it is the same in all three. Format 4 says submissions that have much in common side by side. Format 5
 * brought two ways to decide that its Commands ask for: what becomes of the key of a submission that is
 * answered with an existing job, and of the runs that a schedule's next one was to replace. Format 6 lets
 * submissions that lie side by side have traces of their own, and 7 gives a dead letter that is redriven a new
 * place in its queue, and lets a rate that is set hold from then on.
 */
export const COMMAND_FORMAT_VERSION = 7;

/** From which on a submission may have options and a namespace. */
export const SUBMISSIONS_FORMAT = 3;

/** From which on submissions lie side by side. */
export const COLUMNS_FORMAT = 4;

/** From which on Commands may ask to be decided as later programs do. */
export const DECISIONS_FORMAT = 5;

/** From which on those that lie side by side may have a trace each. */
export const OWN_TRACES_FORMAT = 6;

/** From which on a redrive may ask for a new place, and a rate that is set for its bucket. */
export const NEW_PLACE_FORMAT = 7;

/**
 * Formats of entries that this program reads. A leader writes the highest that all members read, so
 * a new format comes with a way to still write the one before it.
 */
export const ENTRY_FORMATS = { oldest: 1, newest: COMMAND_FORMAT_VERSION } as const;

/** A Command asks for what entries of the format, in which all members read, cannot say. */
export class CommandNeedsNewerFormat extends Error {
  override name = "CommandNeedsNewerFormat";
}

/** Numbers of the kinds; never reused. */
export const kindNumbers = {
  submit: 1,
  assign: 2,
  report: 3,
  cancel: 4,
  redrive: 5,
  register_worker: 6,
  expire_worker: 7,
  deregister_worker: 8,
  drain_worker: 9,
  expire_attempts: 10,
  advance: 11,
  prune: 12,
  configure: 13,
  put_schedule: 14,
  alter_schedule: 15,
  fire_schedule: 16,
  revoke: 30,
  rotate_token: 31,
  use_token: 32,
  set_policy: 33,
} as const satisfies Record<Command["kind"], number>;

/** @throws {CommandNeedsNewerFormat} when entries of `format` cannot say the Command */
export function assertFits(command: Command, format: number): void {
  if ((format < 2 && needsFormat2(command)) || (format < 3 && needsFormat3(command))) {
    throw new CommandNeedsNewerFormat(
      `Cannot ${command.kind} yet: it uses what not every member of the cluster knows; upgrade the ` +
        "members that run an older version of conductor first",
    );
  }
}

/** To be decided as every member does that reads no more than `format`, which is 6 at most. */
export function asInFormat6(command: Command, format: number): Command {
  if (command.kind === "redrive") {
    const { newPlace: _, ...rest } = command;
    return rest;
  }
  if (command.kind === "configure") {
    const { easesRate: _, ...rest } = command;
    return rest;
  }
  return format < DECISIONS_FORMAT ? asInFormat4(command) : command;
}

function asInFormat4(command: Command): Command {
  switch (command.kind) {
    case "submit": {
      if (command.keysOfExisting === undefined) return command;
      const { keysOfExisting: _, ...rest } = command;
      return rest;
    }
    case "fire_schedule": {
      const { replacesIfAccepted: _, ...rest } = command;
      return rest;
    }
    default:
      return command;
  }
}

/**
 * Without what is left out of entries that all members must read: a worker's resources, how losses
 * count, and what attempts without a report have logged.
 */
export function asInFormat1(command: Command): Command {
  if (command.kind === "expire_worker") {
    const { crashLimit: _limit, logs: _, ...rest } = command;
    return rest;
  }
  if (command.kind === "cancel" || command.kind === "expire_attempts") {
    const { logs: _, ...rest } = command;
    return rest;
  }
  if (command.kind !== "register_worker") return command;
  const { crashLimit: _limit, ...rest } = command;
  const { cpuMillis: _cpu, memoryBytes: _memory, typeSlots: _types, ...worker } = command.worker;
  return { ...rest, worker };
}

function needsFormat2(command: Command): boolean {
  return kindNumbers[command.kind] > 12 ||
    (command.kind === "prune" && command.deadLettersOnly !== undefined) ||
    (command.kind === "report" && command.reports.some(hasCutCount)) ||
    (command.kind === "drain_worker" && command.handBackAtMs !== undefined) ||
    (command.kind === "expire_attempts" &&
      command.attempts.some(({ reason }) => reason === "drained")) ||
    (command.kind === "submit" && (command.clientJobsMax !== undefined ||
      command.keyRetentionMs !== undefined ||
      command.jobs.some(({ options }) => options !== undefined)));
}

function needsFormat3(command: Command): boolean {
  switch (command.kind) {
    case "submit":
      return command.jobs.some(({ namespace }) => namespace !== undefined);
    case "register_worker":
      return command.worker.namespaces !== undefined;
    case "put_schedule":
      return command.schedule.namespace !== undefined;
    case "alter_schedule":
      return command.namespace !== undefined;
    case "fire_schedule":
      return command.fires.some(({ namespace }) => namespace !== undefined);
    default:
      return false;
  }
}

function hasCutCount(report: Report): boolean {
  return "logLinesCut" in report && report.logLinesCut !== undefined;
}
