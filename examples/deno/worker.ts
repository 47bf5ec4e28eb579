// A worker with job types of its own. Stop it with Ctrl-C or SIGTERM: it finishes what it runs.
//
//   deno run -A examples/deno/worker.ts
//   conductor submit --type greet --payload '{"name":"Ada"}' --wait

import {
  ConductorWorker,
  defineJobType,
  fromEnvironment,
  PermanentJobError,
} from "@conductor/conductor/worker";
import { z } from "zod";

/** Validated before it runs: a payload without a name fails its job for good, and says so. */
export const greet = defineJobType({
  name: "greet",
  payload: z.object({ name: z.string(), language: z.enum(["en", "fr"]).default("en") }),
  run: ({ name, language }, job) => {
    job.log(`greeting ${name}`);
    return { greeting: `${language === "fr" ? "Bonjour" : "Hello"}, ${name}!` };
  },
});

/** Long work: says how far it is, and stops when nobody wants it any more. */
export const count = defineJobType({
  name: "count",
  concurrency: 2,
  payload: z.object({ to: z.number().int().positive(), pauseMs: z.number().default(10) }),
  run: async ({ to, pauseMs }, job) => {
    for (let number = 1; number <= to; number++) {
      job.signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      job.progress(number / to, `${number} of ${to}`);
    }
    return { counted: to, attempt: job.attempt };
  },
});

/** Reads what the jobs left that it depends on. */
export const sum = defineJobType({
  name: "sum",
  run: async (_payload: unknown, job) => {
    if (job.parents.length === 0) throw new PermanentJobError("it depends on no job");
    let total = 0;
    for (const { jobId } of job.parents) {
      total += (await job.parentResult<{ counted: number }>(jobId)).value?.counted ?? 0;
    }
    return { total };
  },
});

if (import.meta.main) {
  const worker = new ConductorWorker({
    ...fromEnvironment(),
    types: [greet, count, sum],
    concurrency: 8,
    tags: { runtime: "deno" },
    onAttemptEnd: ({ jobType, jobId }, { outcome, durationMs }) =>
      console.log(`${jobType} ${jobId} ${outcome} after ${Math.round(durationMs)} ms`),
  });
  console.log(`worker ${worker.workerId}`);
  await worker.run();
  console.log("left in order");
}
