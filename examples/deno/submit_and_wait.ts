// Submits a job, follows it, and prints what it left.
//
//   deno run -A examples/deno/submit_and_wait.ts
//
// The cluster is that of the environment (MASTER_ADDR and so on), else localhost:9000.

import { ConductorError, connect, JobFailedError } from "@conductor/conductor/client";

await using client = connect();

const job = await client.submit("test_sleep", { duration: "500ms" }, {
  priority: 8,
  maxRetries: 1,
  timeoutMs: 10_000,
  labels: { example: "submit_and_wait" },
});
console.log(`job ${job.id}`);

// Everything that happens to it until it is finished. `job.wait()` is the same without the telling.
for await (const event of job.watch()) {
  if (event.kind === "state") console.log(`  ${event.job.status}`);
  if (event.kind === "progress") console.log(`  ${Math.round(event.fraction * 100)} %`);
}

try {
  console.log("result", await job.result());
} catch (failure) {
  // The job's own failure, and the cluster's, are different things.
  if (failure instanceof JobFailedError) console.error(failure.message);
  else if (failure instanceof ConductorError) console.error(failure.code, failure.message);
  else throw failure;
}
