/**
 * `conductor __complete`: answers a shell, one candidate a line, a tab before what it is.
 *
 * @module
 */

import type { Command } from "commander";
import { builtinJobTypes } from "../job_types/mod.ts";
import {
  ClusterChannel,
  inNamespace,
  JobClient,
  type JobView,
  ScheduleClient,
} from "../rpc/mod.ts";
import { type Candidate, complete, type CompletionSources } from "./complete.ts";
import { configFrom } from "./config_flags.ts";
import { clientChannel } from "./connect.ts";
import { namespaceOf } from "./payload_keys.ts";
import type { Flags } from "./router.ts";
import { printable, type Sink } from "./terminal.ts";

/** A person waits at the keyboard, in ms. */
const CALL_TIMEOUT_MS = 1_000;
const JOBS_MAX = 50;
const SCHEDULES_MAX = 200;

/** Prints what may follow; nothing, where nothing can be said. */
export async function answerShell(
  words: readonly string[],
  program: Command,
  out: Sink,
): Promise<void> {
  const candidates = await complete(words, program, SOURCES);
  for (const { value, text } of candidates) {
    out.write(text === undefined ? `${value}\n` : `${value}\t${printable(text)}\n`);
  }
}

const SOURCES: CompletionSources = {
  jobs: (command, flags) =>
    asked(flags, async (client) => {
      const page = command.startsWith("dlq ")
        ? await client.listDeadLetters({ limit: JOBS_MAX })
        : await client.listJobs({ limit: JOBS_MAX });
      return page.jobs.filter((job) => isOf(command, job)).map((job) => ({
        value: job.id,
        text: `${job.type}, ${job.status}`,
      }));
    }),
  workers: (flags) =>
    asked(
      flags,
      async (client) =>
        (await client.listWorkers()).map((each) => ({ value: each.id, text: each.status })),
    ),
  batches: (flags) =>
    asked(
      flags,
      async (client) =>
        (await client.listBatches({ limit: JOBS_MAX })).batches.map(({ id, total }) => ({
          value: id,
          text: `${total} jobs`,
        })),
    ),
  async schedules(flags) {
    let client: ScheduleClient | undefined;
    try {
      client = new ScheduleClient(
        await clientChannel(configFrom(flags, "client"), CALL_TIMEOUT_MS),
      );
      const { schedules } = await client.list({ limit: SCHEDULES_MAX });
      return schedules.map(({ name, job, paused }) => ({
        value: name,
        text: paused ? `${job.type}, paused` : job.type,
      }));
    } catch {
      // As in `asked`.
      return [];
    } finally {
      client?.close();
    }
  },
  queues: (flags) =>
    asked(
      flags,
      async (client) =>
        (await client.listStandings("queue")).map(({ name, pending }) => ({
          value: name,
          text: `${pending} pending`,
        })),
    ),
  async jobTypes(flags) {
    const offered = await asked(
      flags,
      async (client) =>
        (await client.listWorkers()).flatMap((each) => each.jobTypes.map((value) => ({ value }))),
    );
    const names = new Set([...builtinJobTypes().names(), ...offered.map((each) => each.value)]);
    return [...names].sort().map((value) => ({ value }));
  },
  files(beginning) {
    const slash = beginning.lastIndexOf("/") + 1;
    const directory = beginning.slice(0, slash);
    try {
      return [...Deno.readDirSync(directory === "" ? "." : directory)].map((entry) => ({
        value: `${directory}${entry.name}${entry.isDirectory ? "/" : ""}`,
      })).sort((a, b) => a.value.localeCompare(b.value));
    } catch {
      // No such directory: there is nothing to offer, and a shell that asks wants no complaint.
      return [];
    }
  },
};

function isOf(command: string, { status }: JobView): boolean {
  const isFinished = status === "completed" || status === "failed" || status === "cancelled";
  if (command === "cancel") return !isFinished;
  return command !== "result" || status === "completed";
}

async function asked(
  flags: Flags,
  ask: (client: JobClient) => Promise<readonly Candidate[]>,
): Promise<readonly Candidate[]> {
  let client: JobClient | undefined;
  try {
    const loaded = configFrom(flags, "client");
    const channel = await clientChannel(loaded, CALL_TIMEOUT_MS);
    client = new JobClient(inNamespace(new ClusterChannel(channel), namespaceOf(loaded.config)));
    return await ask(client);
  } catch {
    // No cluster, no permission, half a flag: the line under the cursor is no place for complaints.
    return [];
  } finally {
    client?.close();
  }
}
