/**
 * `conductor workers`.
 *
 * @module
 */

import { withClient } from "./connect.ts";
import { secondText, timeText } from "./present.ts";
import type { Flags } from "./router.ts";
import { renderTable } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Every worker that the cluster knows. */
export async function listWorkers(flags: Flags, terminal: Terminal): Promise<void> {
  await withClient(flags, terminal, async ({ client, format }) => {
    const workers = await client.listWorkers((flags.status as string | undefined) ?? "");
    if (format === "json") {
      const answer = workers.map((worker) => ({
        id: worker.id,
        address: worker.address,
        status: worker.status,
        slots: worker.slots,
        active_jobs: worker.activeJobs,
        job_types: worker.jobTypes,
        tags: worker.tags,
        version: worker.version,
        cpu_millis: worker.cpuMillis,
        cpu_millis_held: worker.cpuMillisHeld,
        memory_bytes: worker.memoryBytes,
        memory_bytes_held: worker.memoryBytesHeld,
        last_heartbeat: timeText(worker.lastHeartbeatMs),
        cpu_usage: worker.stats?.cpuUsage ?? null,
        memory_usage: worker.stats?.memoryUsage ?? null,
      }));
      terminal.out.write(`${JSON.stringify(answer, null, 2)}\n`);
      return;
    }
    terminal.out.write(renderTable(
      ["WORKER", "STATUS", "JOBS", "TYPES", "TAGS", "CPU", "MEMORY", "LAST HEARTBEAT"],
      workers.map((worker) => [
        printable(worker.id),
        worker.status,
        `${worker.activeJobs}/${worker.slots}`,
        printable(worker.jobTypes.join(",")),
        printable(Object.entries(worker.tags).map(([name, value]) => `${name}=${value}`).join(",")),
        percent(worker.stats?.cpuUsage),
        percent(worker.stats?.memoryUsage),
        secondText(worker.lastHeartbeatMs),
      ]),
    ));
  });
}

/** Stops or resumes giving a worker new jobs. */
export async function drainWorker(
  workerId: string,
  undrain: boolean,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withClient(flags, terminal, async ({ client, format }) => {
    const message = await client.drainWorker(workerId, { undrain });
    terminal.out.write(
      format === "json" ? `${JSON.stringify({ worker_id: workerId, message })}\n` : `${message}\n`,
    );
  });
}

function percent(fraction: number | undefined): string {
  return fraction === undefined ? "" : `${Math.round(fraction * 100)}%`;
}
