/**
 * The flags that choose jobs, for every command that is about many.
 *
 * @module
 */

import type { Command } from "commander";
import type { JobFilter } from "../rpc/mod.ts";
import type { FlagReader } from "./arguments.ts";
import { collect } from "./config_flags.ts";
import { Misuse } from "./failure.ts";
import { withValues } from "./options.ts";

/** Statuses to choose jobs by. */
export const JOB_STATUSES = [
  "waiting",
  "pending",
  "assigned",
  "running",
  "completed",
  "failed",
  "cancelled",
] as const;

/** Statuses of jobs that are not at their end. */
export const UNFINISHED_STATUSES = ["waiting", "pending", "assigned", "running"] as const;

/** Gives `command` the flags of a filter; `statuses` empty: none by status. */
export function addFilterFlags(command: Command, statuses: readonly string[]): Command {
  if (statuses.length > 0) {
    command.addOption(withValues("-s, --status <status>", "only jobs of this status", statuses));
  }
  command
    .option("-t, --type <type>", "only jobs of this type")
    .option("-l, --label <name=value>", "only jobs with this label (repeatable)", collect)
    .option("--worker <id>", "only jobs that this worker holds or had last")
    .option("--queue <name>", "only jobs of this queue")
    .option("--batch <id>", "only jobs of this batch")
    .option("--parent <job-id>", "only jobs that depend on this one")
    .option("--schedule <name>", "only jobs that this schedule made")
    .option(
      "--created-after <time>",
      "only jobs submitted since: 2026-12-24T18:00, or 2h ago as 2h",
    )
    .option("--created-before <time>", "only jobs submitted earlier");
  return refuseRepeated(command);
}

/** Of two values the last would be taken, and whoever gave both had meant either. */
function refuseRepeated(command: Command): Command {
  for (const { long, parseArg } of command.options) {
    if (long === undefined || parseArg !== undefined) continue;
    let before: string | undefined;
    command.on(`option:${long.slice(2)}`, (value: string) => {
      if (before !== undefined) {
        throw new Misuse(
          `${long} was given twice, ${JSON.stringify(before)} and ${JSON.stringify(value)}; jobs ` +
            "are chosen by one: run the command once for each",
        );
      }
      before = value;
    });
  }
  return command;
}

/** What those flags say. */
export function filterFrom(
  reader: FlagReader,
  statuses: readonly (typeof JOB_STATUSES)[number][],
): JobFilter {
  const filter = {
    status: reader.choice("status", statuses),
    type: reader.text("type"),
    labels: reader.pairs("label"),
    worker: reader.text("worker"),
    queue: reader.text("queue"),
    batchId: reader.text("batch"),
    parentId: reader.text("parent"),
    schedule: reader.text("schedule"),
    createdFromMs: reader.timeOrAgo("createdAfter"),
    createdBeforeMs: reader.timeOrAgo("createdBefore"),
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

/** Whether none of the flags was given. */
export function isEmptyFilter(filter: JobFilter): boolean {
  return Object.keys(filter).length === 0;
}
