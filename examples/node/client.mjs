// What a Node program asks of a cluster.
//
//   npm install @conductor/conductor        (or the tarball of dist/sdk, see the README)
//   node client.mjs

import { ConductorError, connect, JobFailedError, templates } from "@conductor/conductor/client";

const client = connect();
try {
  const { leaderId, activeWorkers } = await client.health();
  console.log(`${leaderId} leads, ${activeWorkers} workers`);

  const job = await client.submit(templates.highPriority.withType("test_sleep"), {
    duration: "50ms",
  });
  console.log("slept", (await job.result()).slept_ms);

  const batch = await client.submitBatch([
    { type: "noop" },
    { type: "noop", priority: 9, labels: { example: "node" } },
  ]);
  console.log("batch", (await batch.wait()).byStatus.completed);

  const failing = await client.submit("test_sleep", { duration: "1ms", fail: true }, {
    maxRetries: 0,
  });
  try {
    await failing.result();
  } catch (failure) {
    if (!(failure instanceof JobFailedError)) throw failure;
    console.log("dead letter", failure.isDeadLetter);
  }
  for await (const each of client.deadLetters.list({ type: "test_sleep" })) {
    if (each.id === failing.id) console.log("found among the dead letters");
  }

  const { completedJobs, successRate } = await client.stats();
  console.log("completed some", completedJobs >= 3, successRate > 0 && successRate < 1);

  await client.get("no-such-job").catch((failure) => {
    if (!(failure instanceof ConductorError)) throw failure;
    console.log(failure.code, failure.message);
  });
} finally {
  client.close();
}
