/**
 * The flags of `conductor batch`.
 *
 * @module
 */

import type { Command } from "commander";
import { TIMEOUT_HELP, WAIT_TIMEOUT_HELP, withWatch } from "./options.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";

const LINES_HELP = `
One JSON object a line, with the flags of \`conductor submit\` as names:
  {"ref": "page", "type": "web_scraping", "payload": {"url": "http://x.org"}}
  {"type": "noop", "depends_on": ["page:completion"], "labels": {"team": "web"}}
depends_on names refs of other lines, in whatever order, or ids of jobs that
there are.`;

export function addBatchCommands(
  program: Command,
  terminal: Terminal,
  client: (command: Command) => Command,
): void {
  const batch = program.command("batch").description("jobs that were submitted together");
  client(
    withWatch(
      batch.command("list", { isDefault: true }).description("the batches, the latest first"),
    )
      .option("--unfinished", "only those with unfinished jobs")
      .option("-n, --limit <number>", "at most this many", "20")
      .option("--cursor <cursor>", "go on where an earlier page ended")
      .action(async (flags: Flags) => {
        const { listBatches } = await import("./batches.ts");
        await listBatches(flags, terminal);
      }),
  );
  client(
    batch.command("submit").description("submit the jobs of a file; prints the batch's id")
      .argument("<file>", "jobs as JSON, one a line; -: from stdin")
      .option("--batch <id>", "the batch's id, new or there already (default: a new one)")
      .option(
        "--idempotency-key <key>",
        "submitted again under it, no line becomes a second job (default: a new one)",
      )
      .option("--all-or-nothing", "one refused job refuses all")
      .option("--patience <duration>", "how long to try again while the cluster takes no more jobs")
      .option("-w, --wait", "follow the batch to its end; exit 1 if a job does not complete")
      .option("--wait-timeout <duration>", WAIT_TIMEOUT_HELP)
      .addHelpText("after", LINES_HELP)
      .action(async (file: string, flags: Flags) => {
        const { submitBatch } = await import("./batch_submit.ts");
        await submitBatch(file, flags, terminal);
      }),
  );
  client(
    withWatch(batch.command("show").description("how many of its jobs have which status"))
      .argument("<batch-id>", "the batch")
      .action(async (batchId: string, flags: Flags) => {
        const { showBatch } = await import("./batches.ts");
        await showBatch(batchId, flags, terminal);
      }),
  );
  for (
    const [name, text, how] of [
      ["wait", "wait for its end; exit 1 if a job did not complete", "quietly"],
      ["watch", "print its counts as they change, and end as wait does", "telling"],
    ] as const
  ) {
    client(
      batch.command(name).description(text)
        .argument("<batch-id>", "the batch")
        .option("--timeout <duration>", TIMEOUT_HELP)
        .action(async (batchId: string, flags: Flags) => {
          const { watchBatch } = await import("./batches.ts");
          await watchBatch(batchId, how, flags, terminal);
        }),
    );
  }
  client(
    batch.command("cancel").description("cancel its unfinished jobs")
      .argument("<batch-id>", "the batch")
      .option("--reason <text>", "kept with the jobs", "")
      .action(async (batchId: string, flags: Flags) => {
        const { cancelBatch } = await import("./batches.ts");
        await cancelBatch(batchId, flags, terminal);
      }),
  );
}
