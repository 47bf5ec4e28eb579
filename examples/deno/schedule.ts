// A schedule: jobs that the cluster submits by itself, once for each time, whatever fails over.
//
//   deno run -A examples/deno/schedule.ts

import { connect } from "@conductor/conductor/client";

await using client = connect();
const name = `example-${crypto.randomUUID().slice(0, 8)}`;

// When would it run? Nothing is made by asking.
const [first] = await client.schedules.next({ cron: "30 2 * * *", timeZone: "Europe/Berlin" });
console.log("half past two in Berlin is", first?.toISOString());

await client.schedules.add({
  name,
  timing: { everyMs: 1_000 },
  type: "noop",
  overlap: "allow", // or skip, queue, replace: when a run is due while the last one is not finished
  options: { labels: { example: "schedule" } },
});
try {
  const job = await client.schedules.trigger(name); // one more, now
  console.log("triggered", (await job.wait()).status);
  for await (const job of client.list({ schedule: name })) console.log(job.id, job.status);
  await client.schedules.pause(name);
  const { schedule } = await client.schedules.get(name);
  console.log(`paused: ${schedule.paused}, runs so far: ${schedule.runs}`);
} finally {
  console.log(await client.schedules.remove(name));
}
