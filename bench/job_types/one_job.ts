/**
 * Runs one job in this process, as an executor does: `one_job.ts TYPE DIRECTORY TIMES PAYLOAD`. Prints
 * how long each run took, in ms, and the most memory that the process had, in MiB.
 *
 * @module
 */

import { builtinJobTypes, createGuardedFetch } from "../../src/job_types/mod.ts";

const [type = "", directory = "", times = "1", text = "{}"] = Deno.args;
const jobType = builtinJobTypes().get(type);
if (jobType === undefined) throw new Error(`there is no job type ${type}`);
const payload = jobType.payloadSchema.parse(JSON.parse(text));
const tempDir = await Deno.makeTempDir({ dir: directory });
const runsMs: number[] = [];
for (let run = 0; run < Number(times); run++) {
  const startedMs = performance.now();
  await jobType.run(payload, {
    jobId: `job-${run}`,
    jobType: type,
    attempt: 1,
    signal: new AbortController().signal,
    limits: {
      resultBytesMax: 4 << 20,
      inputBytesMax: 64 << 20,
      streamBytesMax: 8 * 2 ** 30,
      pixelsMax: 100_000_000,
    },
    files: { readRoots: [directory], writeRoots: [directory] },
    fetch: createGuardedFetch({
      privateAddresses: "refuse",
      allowList: ["127.0.0.1"],
      userAgent: "Conductor-Bench",
    }),
    tempDir,
    parents: [],
    parentResult: () => Promise.reject(new Error("this job has no parents")),
    progress: () => {},
    log: () => {},
    span: (_name, work) => work(),
  });
  runsMs.push(performance.now() - startedMs);
}
const status = await Deno.readTextFile("/proc/self/status");
const peakMebibytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
console.log(JSON.stringify({ runsMs, peakMebibytes }));
