/**
 * The flags of a submission, for every command that takes a job; `submission.ts` reads them.
 *
 * @module
 */

import type { Command } from "commander";
import { collect } from "./config_flags.ts";
import { withValues } from "./options.ts";

/** What a job gets that names none, wherever it comes from: as with the original's clients. */
export const PRIORITY_DEFAULT = 5;

/** Gives `command` every flag of a submission. */
export function addJobFlags(command: Command): Command {
  return command
    .option("-t, --type <type>", "type of the job, such as web_scraping")
    .option("-p, --payload <text>", "payload: text, @FILE, or - for stdin", "")
    .option("--priority <number>", "higher runs first", `${PRIORITY_DEFAULT}`)
    .option("-l, --label <name=value>", "label to find the job by (repeatable)", collect)
    .option("--idempotency-key <key>", "a repeated submission with it returns the same job")
    .option("--delay <duration>", "not before this long from now")
    .option("--run-at <time>", "not before this time, such as 2026-12-24T18:00")
    .option("--timeout <duration>", "time allowed to one attempt, such as 30s")
    .option("--expires-in <duration>", "fail if not finished this long after submission")
    .option("--max-retries <number>", "attempts after the first (default: the cluster's)")
    .option("--retry-delay <duration>", "pause before the first retry (default: the cluster's)")
    .addOption(withValues("--backoff <kind>", "how that pause grows", ["exponential", "fixed"]))
    .option(
      "--retry-delay-max <duration>",
      "longest pause before a retry; jitter makes an exponential one up to a quarter longer",
    )
    .option(
      "--permanent-error <text>",
      "an error that contains it is not retried (repeatable)",
      collect,
    )
    .option("--queue <name>", "whose share of the workers it takes (default: the submitter's)")
    .option("--group <name>", "jobs of a group run at most --group-limit at once")
    .option("--group-limit <number>", "how many of the group may run at once (default: 1)")
    .option("--rate-key <key>", "jobs of one key start no faster than --rate")
    .option(
      "--rate <count/duration[:burst]>",
      "such as 10/1s, of which 10 may start at once after a rest, or 10/1s:1, evenly",
    )
    .option("--unique-key <key>", "at most one unfinished job has it")
    .addOption(
      withValues("--unique-mode <mode>", "what to do if one has it", [
        "reject",
        "existing",
        "replace",
      ]),
    )
    .option(
      "--depends-on <job[:how]>",
      "run after this job; how: success, completion or failure (repeatable)",
      collect,
    )
    .addOption(
      withValues(
        "--when-dependency-fails <what>",
        "what to do if it ends in another way",
        ["cancel", "fail", "wait"],
      ),
    )
    .option(
      "--require <condition>",
      "on the worker's tags: zone=a, !gpu, version>=1.10, zone in (a, b) (repeatable)",
      collect,
    )
    .option("--prefer <condition>", "workers that fulfil it are taken first (repeatable)", collect)
    .option("--cpu <number>", "processors that it takes up, such as 0.5")
    .option("--memory <bytes>", "memory that it takes up, such as 512MiB")
    .option("--batch <id>", "the batch that it belongs to");
}
