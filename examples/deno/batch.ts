// Submits a thousand jobs under one handle, and watches the counts.
//
//   deno run -A examples/deno/batch.ts

import { connect, templates } from "@conductor/conductor/client";

await using client = connect();

const bulk = templates.lowPriority.withType("noop");
const batch = await client.submitBatch(
  Array.from({ length: 1_000 }, (_, number) => ({ type: bulk, payload: { number } })),
  { patienceMs: 30_000 }, // should the queue be full, try again for so long
);
for (const refusal of batch.refusals) console.error(refusal.code, refusal.message);

for await (const { byStatus, total } of batch.watch()) {
  console.log(`${byStatus.completed} of ${total}`);
}
console.log(`batch ${batch.id} is done`);
