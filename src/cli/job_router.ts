/**
 * Commands about many jobs, with their flags.
 *
 * @module
 */

import type { Command } from "commander";
import { addFilterFlags, JOB_STATUSES, UNFINISHED_STATUSES } from "./job_filter.ts";
import { withValues, withWatch } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

/** Adds `list`, `cancel` and `dlq`; `client` gives a command the flags of those that call a cluster. */
export function addBulkCommands(
  program: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  client(
    addPageFlags(
      addFilterFlags(withWatch(program.command("list").description("jobs by page")), JOB_STATUSES),
    )
      .option("--dead-letters", "only jobs that failed for good")
      .option("--stale", "answer at once from the node's own state, which may lag behind")
      .action(async (flags: Flags) => {
        const { list } = await import("./bulk.ts");
        await list(flags, terminal);
      }),
  );
  client(
    addFilterFlags(
      program.command("cancel").description("cancel jobs that are not finished")
        .argument("[job-id...]", "the jobs; without them: all that the flags name"),
      UNFINISHED_STATUSES,
    )
      .option("--reason <text>", "kept with the job", "")
      .option("--dry-run", "only say how many jobs the flags name")
      .action(async (jobIds: string[], flags: Flags) => {
        const { cancel } = await import("./bulk.ts");
        await cancel(jobIds, flags, terminal);
      }),
  );
  const dlq = program.command("dlq").description("jobs that failed for good");
  client(
    addPageFlags(
      addFilterFlags(
        withWatch(dlq.command("list", { isDefault: true }).description("dead letters by page")),
        [],
      ),
    ).action(async (flags: Flags) => {
      const { listDeadLetters } = await import("./bulk.ts");
      await listDeadLetters(flags, terminal);
    }),
  );
  client(
    dlq.command("show").description("a dead letter with its payload, attempts and errors")
      .argument("<job-id>", "the job")
      .action(async (jobId: string, flags: Flags) => {
        const { showDeadLetter } = await import("./bulk.ts");
        await showDeadLetter(jobId, flags, terminal);
      }),
  );
  client(
    addChoice(dlq.command("retry").description("put dead letters back into the queue"))
      .action(async (jobIds: string[], flags: Flags) => {
        const { retryDeadLetters } = await import("./bulk.ts");
        await retryDeadLetters(jobIds, flags, terminal);
      }),
  );
  client(
    addChoice(dlq.command("purge").description("delete dead letters for good"))
      .option("-y, --yes", "really do it")
      .action(async (jobIds: string[], flags: Flags) => {
        const { purgeDeadLetters } = await import("./bulk.ts");
        await purgeDeadLetters(jobIds, flags, terminal);
      }),
  );
}

function addChoice(command: Command): Command {
  return addFilterFlags(
    command.argument("[job-id...]", "the jobs; without them: all that the flags name"),
    [],
  )
    .option("--all", "every dead letter there is")
    .option("--dry-run", "only say how many jobs the flags name");
}

function addPageFlags(command: Command): Command {
  return command
    .addOption(
      withValues("--sort <order>", "by submission (newest: the default) or by the end", [
        "newest",
        "oldest",
        "last-finished",
        "first-finished",
      ]),
    )
    .option("-n, --limit <number>", "at most this many", "20")
    .option("--offset <number>", "skip this many", "0")
    .option("--cursor <cursor>", "go on where an earlier page ended");
}
