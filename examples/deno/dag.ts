// Jobs that run after others: three that measure something, and one that reads what they left.
//
//   deno run -A examples/deno/dag.ts

import { connect } from "@conductor/conductor/client";

await using client = connect();

// Within one call jobs name each other by `ref`, in any order; all of them are accepted, or none.
const graph = await client.submitBatch([
  {
    ref: "report",
    type: "data_analysis",
    payload: { parents: true }, // the rows are what the parents left
    dependsOn: [{ ref: "short" }, { ref: "medium" }, { ref: "long" }],
    whenDependencyFails: "cancel",
  },
  { ref: "short", type: "test_sleep", payload: { duration: "10ms" } },
  { ref: "medium", type: "test_sleep", payload: { duration: "20ms" } },
  { ref: "long", type: "test_sleep", payload: { duration: "30ms" } },
], { allOrNothing: true });

const [report] = graph.jobs;
if (report === undefined) throw new Error("nothing was accepted");
console.log("report", JSON.stringify(await report.result()));

// Of jobs that are there already, by their id.
const last = await client.submit("noop", {}, {
  dependsOn: [{ jobId: report.id, on: "completion" }],
});
console.log((await last.wait()).status);
