/** Messages such as no client of ours sends: each is answered, and the master goes on. */

import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { follow, startMember } from "./forwarding_test_support.ts";
import {
  MasterService,
  SubmitJobRequestSchema,
  SubmitJobsRequestSchema,
  type SubmitStreamRequest,
  SubmitStreamRequestSchema,
  type SubmitStreamResponse,
} from "./gen/scheduler_pb.ts";
import type { MasterApi } from "./master_api.ts";
import { startTestMaster } from "./server_test_support.ts";
import { fromServiceError, type Refusal } from "./status.ts";
import { openSubmissions } from "./submit_lane.ts";
import { serveSubmissions } from "./submit_stream.ts";
import { bytesOf, messageOf, methodDefinition } from "./wire.ts";

/** What came back on a stream of submissions. */
interface Heard {
  readonly answers: SubmitStreamResponse[];
  readonly failure: Refusal | undefined;
}

function messageFor(keys: readonly string[], changes: Partial<SubmitStreamRequest> = {}) {
  const message = create(SubmitStreamRequestSchema, { sequence: 1n });
  message.jobs = keys.map((idempotencyKey) =>
    create(SubmitJobRequestSchema, { type: "noop", idempotencyKey })
  );
  return Object.assign(message, changes);
}

/** Sends one message and says that this was all; resolves when the stream is over. */
async function sendTo(address: string, message: SubmitStreamRequest): Promise<Heard> {
  const client = new Client(address, credentials.createInsecure());
  try {
    return await new Promise((resolve) => {
      const answers: SubmitStreamResponse[] = [];
      const stream = openSubmissions(client, new Metadata(), {
        answered: (answer) => void answers.push(answer),
        ended: (failure) => resolve({ answers, failure }),
      }, () => ({ heard() {}, end() {} }));
      stream.send(message);
      stream.end();
    });
  } finally {
    client.close();
  }
}

/** Takes everything, some turns of the event loop later. */
function takingLate(groups: number[] = []): Partial<MasterApi> {
  return {
    submit: async (submissions) => {
      groups.push(submissions.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return submissions.map(({ idempotencyKey = "" }) => ({
        jobId: idempotencyKey,
        duplicate: false,
        message: "",
      }));
    },
  };
}

const IDS = (heard: Heard) =>
  heard.answers.flatMap(({ results }) => results.map(({ jobId }) => jobId));

Deno.test("who closes its side has the answers to what it sent first", async () => {
  await using master = await startTestMaster(takingLate());
  const heard = await sendTo(master.address, messageFor(["a", "b"]));
  assert.deepEqual(IDS(heard), ["a", "b"]);
  assert.equal(heard.failure, undefined);
});

for (const timeoutMs of [2n ** 31n + 5n, 2n ** 60n]) {
  Deno.test(`a follower passes on what may take ${timeoutMs} ms`, async () => {
    await using leader = await startMember(takingLate(), { name: "b" });
    await using follower = await startMember({});
    follow(follower, leader);
    const heard = await sendTo(follower.address, messageFor(["a"], { timeoutMs }));
    assert.deepEqual(IDS(heard), ["a"]);
  });
}

Deno.test("a follower passes on what has a request id that no header can hold, under another", async () => {
  await using leader = await startMember(takingLate(), { name: "b" });
  await using follower = await startMember({});
  follow(follower, leader);
  for (const requestId of ["ü", "a\nb", "", "x".repeat(201)]) {
    const heard = await sendTo(follower.address, messageFor(["a"], { requestIds: [requestId] }));
    assert.deepEqual(IDS(heard), ["a"], JSON.stringify(requestId));
  }
});

Deno.test("a message of more jobs than one call may have is refused before any of them is looked at", async () => {
  const groups: number[] = [];
  await using master = await startTestMaster(takingLate(groups));
  const job = create(SubmitJobRequestSchema);
  const message = messageFor([], { jobs: Array.from({ length: 10_001 }, () => job) });
  const { answers, failure } = await sendTo(master.address, message);
  assert.deepEqual([answers.length, failure?.reason], [0, "invalid"]);
  assert.match(failure?.message ?? "", /10001 jobs in one message; at most 10000 are taken/);
  assert.deepEqual(groups, []);
});

Deno.test("a request of more list elements than any has is refused before memory is taken for them", async () => {
  await using master = await startTestMaster(takingLate());
  const request = create(SubmitJobsRequestSchema);
  request.jobs = new Array(50_001).fill(create(SubmitJobRequestSchema));
  const { path, requestSerialize, responseDeserialize } = methodDefinition(
    MasterService.method.submitJobs,
  );
  const client = new Client(master.address, credentials.createInsecure());
  try {
    const refusal = await new Promise<Refusal>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (failure) => {
        if (failure === null) reject(new Error("it was taken"));
        else resolve(fromServiceError(failure));
      });
    });
    assert.equal(refusal.reason, "invalid");
    assert.match(refusal.message, /more than 50000 fields or list elements: send less at a time/);
  } finally {
    client.close();
  }
  request.jobs.length = 49_999;
  const bytes = bytesOf(SubmitJobsRequestSchema, request);
  const read = messageOf(SubmitJobsRequestSchema, bytes) as typeof request;
  assert.equal(read.jobs.length, 49_999);
});

Deno.test("answers that a caller does not read count as messages that wait for theirs", async () => {
  let hear: (message: SubmitStreamRequest) => void = () => {};
  let drain: () => void = () => {};
  let written = 0;
  serveSubmissions(
    {
      onMessage: (listener) => hear = listener,
      onClosed() {},
      onHalfClosed() {},
      write: () => {
        written++;
        return false;
      },
      onceDrained: (listener) => drain = listener,
      end: (failure) => assert.fail(failure?.message),
    },
    { deadlineMs: Infinity } as Parameters<typeof serveSubmissions>[1],
    ({ jobs }) => Promise.resolve({ results: jobs.map(() => ({ jobId: "j" })) }),
  );
  const answered = async (count: number) => {
    while (written < count) await new Promise((resolve) => setImmediate(resolve));
  };
  for (let count = 1; count <= 64; count++) {
    hear(messageFor(["a"]));
    await answered(count);
  }
  assert.throws(() => hear(messageFor(["a"])), { reason: "overloaded" });
  drain();
  hear(messageFor(["a"]));
  await answered(65);
});
