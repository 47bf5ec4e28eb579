/**
 * The commands about schedules; what each does is in `schedules.ts`.
 *
 * @module
 */

import type { Command } from "commander";
import { addJobFlags } from "./job_flags.ts";
import { withValues, withWatch } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

const ADD_HELP = `
When: --cron <expression>, --every <duration> or --at <time>. A cron expression
has five fields (minute, hour, day of the month, month, day of the week), or six
with the second in front.`;

/** Flags of a submission that mean nothing where a schedule says when, and each run is its own job. */
const NOT_OF_SCHEDULES = ["--delay", "--run-at", "--idempotency-key"];

/** Adds `schedule`; `client` adds the flags of commands that call the cluster. */
export function addScheduleCommands(
  program: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  const schedule = program.command("schedule").description(
    "jobs that are submitted by time, once or repeatedly",
  );
  const add = schedule.command("add").description("make a schedule; prints when it is first due")
    .usage("<name> --type <type> <when> [options]")
    .argument("<name>", "what it is called")
    .addHelpText("after", ADD_HELP);
  timingFlags(add)
    .option("--anchor <time>", "from where --every counts (default: now)")
    .option("--start <time>", "times before this do not count")
    .option("--end <time>", "times after this do not count")
    .addOption(
      withValues("--overlap <policy>", "when an earlier run is not finished", [
        "skip",
        "allow",
        "queue",
        "replace",
      ]).default("skip"),
    )
    .addOption(
      withValues(
        "--catch-up <policy>",
        "which of the runs that nobody could make are made up for",
        [
          "last",
          "none",
          "all",
        ],
      ).default("last"),
    )
    .option("--catch-up-max <number>", "with --catch-up all: this many, the latest (default: 100)")
    .option("--grace <duration>", "how late a run may be and not count as missed", "30s")
    .option("--replace", "replace the schedule if there is one of this name");
  addJobFlags(add);
  for (const option of add.options) {
    if (NOT_OF_SCHEDULES.includes(option.long ?? "")) option.hideHelp();
  }
  client(add.action(async (name: string, flags: Flags) => {
    const { addSchedule } = await import("./schedules.ts");
    await addSchedule(name, flags, terminal);
  }));
  client(
    withWatch(schedule.command("list", { isDefault: true }).description("the schedules, by name"))
      .option("-n, --limit <number>", "at most this many", "100")
      .option("--cursor <cursor>", "go on where an earlier page ended")
      .action(async (flags: Flags) => {
        const { listSchedules } = await import("./schedules.ts");
        await listSchedules(flags, terminal);
      }),
  );
  client(
    schedule.command("show").description("one schedule, its last run and its next ones")
      .argument("<schedule>", "its name")
      .option("-n, --next <number>", "how many of the next runs", "5")
      .action(async (name: string, flags: Flags) => {
        const { showSchedule } = await import("./schedules.ts");
        await showSchedule(name, flags, terminal);
      }),
  );
  const acts = [
    ["pause", "make no jobs until it is resumed"],
    ["resume", "go on with its next time; what passed meanwhile is not made up for"],
    ["remove", "forget it; the jobs that it made stay"],
  ] as const;
  for (const [act, description] of acts) {
    client(
      schedule.command(act).description(description).argument("<schedule>", "its name")
        .action(async (name: string, flags: Flags) => {
          const { actOnSchedule } = await import("./schedules.ts");
          await actOnSchedule(act, name, flags, terminal);
        }),
    );
  }
  client(
    schedule.command("trigger").description("make one of its jobs now; prints the job's id")
      .argument("<schedule>", "its name")
      .option("--idempotency-key <key>", "makes no second job when it is repeated under this key")
      .action(async (name: string, flags: Flags) => {
        const { triggerSchedule } = await import("./schedules.ts");
        await triggerSchedule(name, flags, terminal);
      }),
  );
  const next = schedule.command("next").description("when a schedule, or an expression, is due")
    .argument("[schedule]", "its name; without it, give --cron, --every or --at");
  client(
    timingFlags(next)
      .option("-n, --count <number>", "how many", "5")
      .option("--from <time>", "the first of them that are not before this (default: now)")
      .action(async (name: string | undefined, flags: Flags) => {
        const { nextRuns } = await import("./schedules.ts");
        await nextRuns(name, flags, terminal);
      }),
  );
}

function timingFlags(command: Command): Command {
  return command
    .option("--cron <expression>", 'at its times, such as "0 */5 * * *"')
    .option("--every <duration>", "again after this long, such as 30s")
    .option("--at <time>", "once, such as 2026-12-24T18:00")
    .option("--tz <zone>", "whose clocks count, such as Europe/Berlin (default: UTC for --cron)");
}
