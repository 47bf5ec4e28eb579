/**
 * Submits the demo's jobs and tells of each change as it happens.
 *
 * @module
 */

import { credentials } from "@grpc/grpc-js";
import type colors from "picocolors";
import { JobClient, type JobEventView, type JobView } from "../../src/rpc/mod.ts";
import type { DemoJob } from "./jobs.ts";

type Styles = ReturnType<typeof colors.createColors>;

/** A finished job and what it was submitted as. */
export interface FinishedJob {
  readonly job: JobView;
  readonly definition: DemoJob;
}

/** Progress of one job is told at most this often. */
const PROGRESS_INTERVAL_MS = 400;

/** Runs all jobs at once; resolves when the last one is finished. */
export async function followAll(
  address: string,
  definitions: readonly DemoJob[],
  style: Styles,
  say: (line: string) => void,
): Promise<FinishedJob[]> {
  const client = new JobClient({
    addresses: [address],
    credentials: credentials.createInsecure(),
    messageBytesMax: 8 * 1024 * 1024,
    callTimeoutMs: 10_000,
    dialTimeoutMs: 2_000,
  });
  try {
    return await Promise.all(definitions.map(async (definition) => {
      const { jobId } = await client.submit({
        type: definition.type,
        payload: new TextEncoder().encode(definition.payload),
        priority: 5,
      });
      let last: JobView | undefined;
      let told = "";
      let progressToldMs = -PROGRESS_INTERVAL_MS;
      for await (const event of client.watch(jobId)) {
        if (event.kind === "progress" && event.atMs - progressToldMs < PROGRESS_INTERVAL_MS) {
          continue;
        }
        if (event.kind === "progress") progressToldMs = event.atMs;
        const line = describe(event, style);
        if (line !== told && line !== "") {
          say(`${style.dim(jobId)}  ${definition.type.padEnd(16)}  ${line}`);
        }
        told = line;
        if (event.kind === "state") last = event.job;
      }
      if (last === undefined) throw new Error(`nothing was heard of job ${jobId}`);
      return { job: last, definition };
    }));
  } finally {
    client.close();
  }
}

function describe(event: JobEventView, style: Styles): string {
  switch (event.kind) {
    case "state": {
      const { status, assignedTo } = event.job;
      if (status === "completed") return style.green(status);
      if (status === "failed" || status === "cancelled") return style.red(status);
      return status === "pending" ? status : `${style.cyan(status)} on ${assignedTo}`;
    }
    case "progress":
      return `${String(Math.floor(event.fraction * 100)).padStart(3)}% ${event.message}`.trimEnd();
    case "log":
      return style.dim(event.lines.join(" / "));
  }
}
