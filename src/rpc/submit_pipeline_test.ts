/** What goes wrong on the way to a stream is told to those whom it concerns, and ends nobody's process. */

import assert from "node:assert/strict";
import { JobClient } from "./client.ts";
import type { MasterApi, Submission } from "./master_api.ts";
import { channelTo, startTestMaster } from "./server_test_support.ts";

const job = (idempotencyKey: string): Submission => ({
  ...{ type: "noop", payload: new Uint8Array(0), priority: 5, idempotencyKey },
});

/** Takes everything, but for what is to hang. */
function taking(hangs: readonly string[] = []): Partial<MasterApi> {
  return {
    submit: (submissions) =>
      submissions.some(({ idempotencyKey = "" }) => hangs.includes(idempotencyKey))
        ? new Promise(() => {})
        : Promise.resolve(
          submissions.map(() => ({ jobId: "j", duplicate: false, message: "" })),
        ),
  };
}

Deno.test("a token that cannot be had for a moment fails what is submitted then, and nothing else", async () => {
  await using master = await startTestMaster(taking());
  let isThere = true;
  const client = new JobClient(channelTo([master.address], {
    token: () => {
      if (!isThere) throw new Error("cannot read the token file");
      return "t";
    },
  }));
  try {
    await client.submit(job("first"));
    await client.submit(job("on the stream"));
    isThere = false;
    const refused = ["a", "b"].map((each) => client.submit(job(each)));
    for (const each of refused) {
      await assert.rejects(each, { message: /cannot read the token file/ });
    }
    isThere = true;
    assert.equal((await client.submit(job("c"))).jobId, "j");
  } finally {
    client.close();
  }
});

for (const callTimeoutMs of [2_500.5, Infinity, 1e18]) {
  Deno.test(`a call may take ${callTimeoutMs} ms`, async () => {
    await using master = await startTestMaster(taking());
    const client = new JobClient({ ...channelTo([master.address]), callTimeoutMs });
    try {
      await client.submit(job("first"));
      assert.equal((await client.submit(job("on the stream"))).jobId, "j");
    } finally {
      client.close();
    }
  });
}

Deno.test("what found no room on the stream in its time was not sent, and is told so", async () => {
  const hangs = ["a", "b", "c", "d"];
  await using master = await startTestMaster(taking(hangs));
  const client = new JobClient({ ...channelTo([master.address]), callTimeoutMs: 300 });
  try {
    await client.submit(job("first"));
    const sent = [];
    for (const each of hangs) {
      sent.push(assert.rejects(client.submit(job(each)), { reason: "outcome_unknown" }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await assert.rejects(client.submit(job("e")), {
      reason: "unavailable",
      message: /it was not sent/,
    });
    await Promise.all(sent);
  } finally {
    client.close();
  }
});
