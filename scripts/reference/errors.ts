/**
 * docs/reference/errors.md: every word by which the program refuses, fails or explains. The words come from
 * the types of the code, so that one without its line here does not compile.
 *
 * @module
 */

import { httpStatusOf } from "../../src/api/mod.ts";
import { EXIT } from "../../src/cli/failure.ts";
import type { AttemptOutcome, Cause } from "../../src/jobs/mod.ts";
import { codeNameOf, codeOf, type RefusalReason } from "../../src/rpc/mod.ts";
import type { ReasonCode } from "../../src/scheduler/mod.ts";
import { code, opening, table } from "./markdown.ts";

const INTRODUCTION =
  `Every word that the program uses for what went wrong, or for a job's situation.
[Troubleshooting](../troubleshooting.md) goes by what you see.`;

type ExitName = keyof typeof EXIT;

const EXITS: Readonly<Record<ExitName, string>> = {
  done: "done",
  failed: "failed, or the answer is no: a job that failed, a check that found something",
  misused: "misused: an unknown flag, an impossible value, a wrong configuration",
  late: "a wait ran out of the time that a flag allowed",
  interrupted:
    "interrupted by Ctrl-C; a master or worker: twice, as it ends in order with 0 when it is told to stop once",
  terminated: "the same by SIGTERM",
};

/** The table of exit codes. */
export function exitCodes(): string {
  const rows = (Object.entries(EXITS) as [ExitName, string][])
    .map(([name, means]) => [String(EXIT[name]), means]);
  return table(["exit code", "means"], rows);
}

/** What a refusal means, and what helps. */
const REFUSALS: Readonly<Record<RefusalReason, readonly [means: string, help: string]>> = {
  invalid: [
    "The request asks for something that is not possible.",
    "Correct it; the message names the field and its value.",
  ],
  not_found: [
    "There is no such job, batch, schedule, worker, member; or none that you may see.",
    "Look for the name; jobs are forgotten after a while.",
  ],
  already_exists: [
    "The name or key is already in use: an idempotency key with another payload, a unique key.",
    "Take another name, or use what is there.",
  ],
  failed_precondition: [
    "It cannot be done as things stand: a job that is finished, a change while a member is behind.",
    "The message says what has to be different.",
  ],
  conflict: ["Somebody else changed the same in between.", "Read it again, then try again."],
  overloaded: [
    "No room now: the queue is full, a rate limit is reached, too many calls wait.",
    "Wait as long as the hint says (`retry-after-ms`, `google.rpc.RetryInfo`). Clients do so by themselves for a while (`--patience`).",
  ],
  too_large: [
    "A payload, a message or an answer is above a limit. There is no hint: waiting does not help.",
    "Make it smaller, or raise the limit; the message names its key.",
  ],
  unauthenticated: [
    "The caller is not known: no token or certificate, or one that expired, is revoked, or is not for this cluster.",
    "Get a new one; the message says what is wrong with the one that was presented.",
  ],
  permission_denied: [
    "The caller is known, and may not do that.",
    "`conductor rbac test METHOD --role ROLE` says who may.",
  ],
  unavailable: [
    "No master answers, or none leads. If a master says so, the call was not carried out; if the connection was lost, that is unknown.",
    "Retry; clients do so within their deadline, at every address that they know.",
  ],
  not_leader: [
    "Only the leader does that, and it is another master.",
    "Clients go there by themselves (`leader-address`).",
  ],
  outcome_unknown: [
    "The deadline passed, or the connection broke, before the outcome was known. **It may have been carried out.**",
    "Look first, or repeat what is safe to repeat: a submission with its idempotency key.",
  ],
  cancelled: ["The caller no longer wants the answer.", "Nothing."],
  data_loss: [
    "What is stored is damaged.",
    "`conductor raft inspect` on that master; let it start empty if the others are whole.",
  ],
  unimplemented: [
    "This version does not know that call.",
    "Upgrade the masters, then workers and clients.",
  ],
  internal: [
    "A fault of the program. Its text is in the log of the node, not in the answer.",
    "`conductor debug bundle`, and report it.",
  ],
};

const REASONS: Readonly<Record<ReasonCode, string>> = {
  delayed: "It waits for its time (`--delay`, `--run-at`).",
  backoff: "It failed, and waits before its next attempt.",
  released: "It was handed back several times in a row, and pauses.",
  dependency: "It waits for another job, or that job did not end as it requires.",
  type_paused: "Its type is paused: `conductor type resume`.",
  queue_paused: "Its queue is paused: `conductor queue resume`.",
  type_at_limit: "As many jobs of its type run as may at once.",
  queue_at_limit: "As many jobs of its queue run as may at once.",
  group_full: "As many jobs of its group run as may at once.",
  rate_limited: "The rate of its key, type or queue is used up for now.",
  no_worker: "No worker is connected.",
  no_worker_of_type: "No connected worker offers its type.",
  no_worker_in_namespace: "No worker that offers its type gets jobs of its namespace.",
  no_worker_with_tags: "No such worker has the tags that it requires.",
  no_worker_with_resources: "No such worker has as much cpu or memory in all as it asks for.",
  workers_draining: "All workers that may run it are draining.",
  workers_silent:
    "All workers that may run it let `scheduler.assignment_timeout` pass before they started an attempt, and were not heard of since. They " +
    "get jobs again when they are, and lose what they hold with their lease.",
  workers_full: "All workers that may run it have taken as many jobs as they do at once.",
  worker_type_full: "Those with a slot free run as many jobs of its type as they do at once.",
  resources_taken: "Other jobs hold the cpu or memory that it asks for.",
  jobs_ahead: "Other jobs come first in its queue.",
  about_to_run: "A slot is free; it is being assigned.",
  assigned: "A worker was given it, and has not started it.",
  running: "A worker runs it.",
  completed: "It did its work.",
  failed: "It failed for good; it is a dead letter.",
  cancelled: "It was cancelled.",
};

const OUTCOMES: Readonly<Record<Exclude<AttemptOutcome, "">, string>> = {
  completed: "Its worker reported a result.",
  failed: "Its worker reported an error.",
  timeout: "It took longer than it may.",
  worker_lost: "Its worker was lost. It counts as [a loss](../guarantees.md#what-counts-as-a-try).",
  released: "It was handed back unharmed, and does not count.",
  cancelled: "The job was cancelled meanwhile.",
  expired: "The job's time was over meanwhile.",
};

const CAUSES: Readonly<Record<Cause, string>> = {
  submit: "It was submitted.",
  due: "Its time came: a delay or a backoff is over.",
  assign: "It was given to a worker.",
  start: "Its worker started it.",
  complete: "Its worker reported a result.",
  fail: "Its worker reported an error.",
  timeout: "The attempt took longer than it may.",
  worker_lost: "The attempt was lost with its worker.",
  release: "The attempt was handed back.",
  cancel: "Somebody cancelled it.",
  redrive: "Somebody retried it from the dead letters.",
  dependencies: "The jobs that it depends on ended.",
  expire: "Its time from submission was over.",
};

/** The page. */
export function errorsPage(): string {
  const refusals = (Object.entries(REFUSALS) as [RefusalReason, readonly [string, string]][])
    .map(([reason, [means, help]]) => [
      code(reason),
      `${code(codeNameOf(reason))} (${codeOf(reason)})`,
      String(httpStatusOf(reason)),
      means,
      help,
    ]);
  return [
    opening("Errors and reasons", INTRODUCTION),
    "## Exit codes",
    "Of every command. `master` and `worker` end with 0 after SIGTERM or SIGINT, and with 1 when they cannot go on.",
    exitCodes(),
    "## Refusals",
    "A call that is refused has a gRPC status, the word in the trailer `refusal-reason` (for clients that tell apart what " +
    'shares a status), and a message for people. Over HTTP it is `{"error": {"code", "message"}}` with the status of HTTP; ' +
    "a body of a type that is not read is 415.",
    table(["reason", "gRPC", "HTTP", "means", "what helps"], refusals),
    "## Why a job is where it is",
    "The `code` of `conductor explain -o json`, and `reasons` of `GetJobStatus`.",
    wordTable(REASONS),
    "## How an attempt ended",
    "The `OUTCOME` of `conductor status`.",
    wordTable(OUTCOMES),
    "## What moved a job",
    "`BY` in the history of `conductor status`.",
    wordTable(CAUSES),
  ].join("\n\n") + "\n";
}

function wordTable(words: Readonly<Record<string, string>>): string {
  return table(
    ["word", "means"],
    Object.entries(words).map(([word, means]) => [code(word), means]),
  );
}
