import { create } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ClusterChannel } from "./channel.ts";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
import { RaftFrameSchema, RaftService } from "./gen/raft_pb.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { ServiceHandlers } from "./call.ts";
import { channelTo, startTestMaster, startTestServer, until } from "./server_test_support.ts";
import { Refusal } from "./status.ts";
import { methodDefinition } from "./wire.ts";

const { SERVING } = HealthCheckResponse_ServingStatus;

function health(changes: Partial<ServiceHandlers<typeof Health>>): ServiceHandlers<typeof Health> {
  return {
    check: () => ({ status: SERVING }),
    list: () => ({}),
    watch: () => Promise.resolve(),
    ...changes,
  };
}

async function refusalOf(work: Promise<unknown>): Promise<Refusal> {
  try {
    await work;
  } catch (failure) {
    assert.ok(failure instanceof Refusal, String(failure));
    return failure;
  }
  throw new assert.AssertionError({ message: "it was not refused" });
}

Deno.test("a unary call is answered, and told of its caller, its name and its own", async () => {
  const seen: unknown[] = [];
  await using master = await startTestServer((server) =>
    server.add(
      Health,
      health({
        check: ({ service }, call) => {
          seen.push(service, call.method, call.caller.userId, call.requestId);
          return { status: SERVING };
        },
      }),
    )
  );
  const channel = new ClusterChannel(channelTo([master.address]));
  const answer = await channel.call(Health.method.check, { service: "x" }, { requestId: "r-1" });
  assert.equal(answer.status, SERVING);
  assert.deepEqual(seen, ["x", "/grpc.health.v1.Health/Check", "tester", "r-1"]);
  assert.deepEqual(master.codes, ["OK"]);
  channel.close();
});

Deno.test("a request id that is too long for a line of a log is replaced by one of the server's", async () => {
  const seen: string[] = [];
  await using master = await startTestServer((server) =>
    server.add(
      Health,
      health({ check: (_, call) => (seen.push(call.requestId), { status: SERVING }) }),
    )
  );
  const channel = new ClusterChannel(channelTo([master.address]));
  for (const requestId of ["r".repeat(200), "r".repeat(201)]) {
    await channel.call(Health.method.check, {}, { requestId });
  }
  channel.close();
  assert.equal(seen[0], "r".repeat(200));
  assert.match(seen[1] ?? "", /^.{1,60}$/);
});

Deno.test("a handler that throws gives INTERNAL, and tells its text to the log alone", async () => {
  await using master = await startTestServer((server) =>
    server.add(
      Health,
      health({
        check: () => {
          throw new Error("secret at /etc/shadow");
        },
      }),
    )
  );
  const channel = new ClusterChannel(channelTo([master.address]));
  const refusal = await refusalOf(channel.call(Health.method.check, {}));
  assert.equal(refusal.reason, "internal");
  assert.doesNotMatch(refusal.message, /secret|shadow|at /);
  assert.equal((master.internalErrors[0] as Error).message, "secret at /etc/shadow");
  assert.deepEqual(master.codes, ["INTERNAL"]);
  channel.close();
});

Deno.test("an answer whose field does not fit its type is our fault, and says so", async () => {
  await using master = await startTestMaster({
    listWorkers: () => Promise.resolve({ workers: [{ slots: 2 ** 40 }] } as never),
  });
  const channel = new ClusterChannel(channelTo([master.address]));
  const refusal = await refusalOf(channel.call(MasterService.method.listWorkers, {}));
  assert.equal(refusal.reason, "internal");
  assert.equal(master.internalErrors.length, 1);
  channel.close();
});

Deno.test("a refusal gives its code, its words and its hints", async () => {
  await using master = await startTestServer((server) =>
    server.add(
      Health,
      health({
        check: () => {
          throw new Refusal("overloaded", "too many", { retryAfterMs: 250 });
        },
      }),
    )
  );
  const channel = new ClusterChannel(channelTo([master.address]));
  const refusal = await refusalOf(channel.call(Health.method.check, {}));
  assert.equal(refusal.reason, "overloaded");
  assert.equal(refusal.message, "too many");
  assert.equal(refusal.retryAfterMs, 250);
  assert.deepEqual(master.internalErrors, []);
  channel.close();
});

Deno.test("whoever the gate refuses learns why, on every kind of call", async () => {
  await using master = await startTestServer((server) => {
    server.add(Health, health({}));
    server.add(RaftService, { exchange: () => assert.fail("it was let in") });
  }, {
    gatekeeper: () => Promise.reject(new Refusal("permission_denied", "not you")),
  });
  const channel = new ClusterChannel(channelTo([master.address]));
  assert.equal((await refusalOf(channel.call(Health.method.check, {}))).message, "not you");
  const watch = channel.stream(Health.method.watch, {});
  assert.equal((await refusalOf(watch.next())).reason, "permission_denied");
  const { failure } = await exchange(master.address);
  assert.equal(failure.code, status.PERMISSION_DENIED);
  channel.close();
});

Deno.test("bytes that are no message are INVALID_ARGUMENT with what is wrong", async () => {
  await using master = await startTestServer((server) => {
    server.add(Health, health({}));
    server.add(RaftService, { exchange: (stream) => stream.onMessage(() => assert.fail()) });
  });
  const client = new Client(master.address, credentials.createInsecure());
  const failure = await new Promise<ServiceError>((resolve) =>
    client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      Buffer.from([0x0a, 0xff]),
      (error) => resolve(error as ServiceError),
    )
  );
  assert.equal(failure.code, status.INVALID_ARGUMENT);
  assert.match(failure.details, /no grpc\.health\.v1\.HealthCheckRequest/);
  const stream = client.makeBidiStreamRequest(
    "/proto.RaftService/Exchange",
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
  );
  const broken = new Promise<ServiceError>((resolve) => stream.on("error", resolve));
  stream.on("data", () => {});
  stream.write(Buffer.from([0x0a, 0xff]));
  assert.equal((await broken as ServiceError).code, status.INVALID_ARGUMENT);
  assert.deepEqual(master.internalErrors, []);
  client.close();
});

Deno.test("a request over the limit is refused and the connection lives on", async () => {
  await using master = await startTestMaster({
    submit: () => Promise.resolve([{ jobId: "j", duplicate: false, message: "" }]),
  }, { messageBytesMax: 10_000 });
  const channel = new ClusterChannel(channelTo([master.address]));
  const submit = (bytes: number) =>
    channel.call(MasterService.method.submitJob, {
      type: "noop",
      payload: new Uint8Array(bytes),
    });
  assert.equal((await refusalOf(submit(20_000))).reason, "overloaded");
  assert.equal((await submit(5_000)).jobId, "j");
  channel.close();
});

Deno.test("an answer over the limit says what to do", async () => {
  await using master = await startTestMaster({
    cancelJob: () => Promise.resolve({ message: "m".repeat(20_000) }),
  }, { messageBytesMax: 10_000 });
  const channel = new ClusterChannel(channelTo([master.address]));
  const refusal = await refusalOf(channel.call(MasterService.method.cancelJob, { jobId: "j" }));
  assert.equal(refusal.reason, "too_large");
  assert.match(refusal.message, /20006 bytes; grpc\.max_msg_size allows 10000/);
  channel.close();
});

Deno.test("a caller that hangs up aborts the handler's signal", async () => {
  const aborted = Promise.withResolvers<unknown>();
  const started = Promise.withResolvers<void>();
  await using master = await startTestServer((server) =>
    server.add(
      Health,
      health({
        check: (_request, call) => {
          call.signal.addEventListener("abort", () => aborted.resolve(call.signal.reason));
          started.resolve();
          return new Promise<never>((_resolve, reject) =>
            call.signal.addEventListener("abort", () => reject(call.signal.reason))
          );
        },
      }),
    )
  );
  const channel = new ClusterChannel(channelTo([master.address]));
  const caller = new AbortController();
  const call = channel.call(Health.method.check, {}, { signal: caller.signal });
  await started.promise;
  caller.abort(new Error("enough"));
  await assert.rejects(call, /enough/);
  assert.equal((await aborted.promise as Refusal).reason, "cancelled");
  await until(() => master.codes.length === 1, "the call was observed");
  assert.deepEqual(master.codes, ["CANCELLED"]);
  channel.close();
});

Deno.test("a passed deadline aborts the handler's signal", async () => {
  const aborted = Promise.withResolvers<void>();
  await using master = await startTestServer((server) =>
    server.add(
      Health,
      health({
        check: (_request, call) =>
          new Promise<never>((_resolve, reject) =>
            call.signal.addEventListener("abort", () => {
              aborted.resolve();
              reject(call.signal.reason);
            })
          ),
      }),
    )
  );
  const channel = new ClusterChannel(channelTo([master.address]));
  await channel.connected(master.address);
  const call = channel.call(Health.method.check, {}, { timeoutMs: 1_000 });
  assert.equal((await refusalOf(call)).reason, "outcome_unknown");
  await aborted.promise;
  channel.close();
});

Deno.test("a slow reader holds the writing handler up", async () => {
  const total = 400;
  let written = 0;
  await using master = await startTestMaster({
    watchJob: async (_jobId, send) => {
      for (; written < total; written++) {
        await send({ kind: "log", atMs: 0, lines: ["x".repeat(50_000)], firstLine: 0, attempt: 1 });
      }
    },
  });
  const channel = new ClusterChannel(channelTo([master.address]));
  const events = channel.stream(MasterService.method.watchJob, { jobId: "j" });
  assert.equal((await events.next()).done, false);
  let last = -1;
  await until(() => {
    const isStill = written === last;
    last = written;
    return isStill && written > 0;
  }, "the handler came to a halt");
  assert.ok(written < total, `it wrote all ${total} messages to a reader that read one`);
  let read = 1;
  for await (const _ of events) read++;
  assert.equal(read, total);
  channel.close();
});

Deno.test("a reader that leaves a stream ends its handler", async () => {
  await using master = await startTestMaster({
    watchJob: async (_jobId, send, { signal }) => {
      await send({ kind: "log", atMs: 0, lines: [], firstLine: 0, attempt: 1 });
      await new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  });
  const channel = new ClusterChannel(channelTo([master.address]));
  for await (const _ of channel.stream(MasterService.method.watchJob, { jobId: "j" })) break;
  await until(() => master.codes.length === 1, "the handler ended");
  assert.deepEqual(master.codes, ["CANCELLED"]);
  channel.close();
});

/** Opens a bidirectional call and resolves to how it failed. */
async function exchange(
  address: string,
  frames: readonly { readonly format: number }[] = [{ format: 1 }],
): Promise<{ failure: ServiceError }> {
  const client = new Client(address, credentials.createInsecure());
  const definition = methodDefinition(RaftService.method.exchange);
  const stream = client.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
    new Metadata(),
  );
  const failed = Promise.withResolvers<ServiceError>();
  stream.on("error", failed.resolve);
  stream.on("data", () => {});
  for (const frame of frames) {
    stream.write(create(RaftFrameSchema, frame));
  }
  const failure = await failed.promise;
  client.close();
  return { failure };
}

Deno.test("both sides of a bidirectional call talk until the caller closes it", async () => {
  const reasons: string[] = [];
  await using master = await startTestServer((server) =>
    server.add(RaftService, {
      exchange: (stream) => {
        stream.onMessage((frame) => void stream.write({ format: frame.format + 1 }));
        stream.onClosed((reason) => reasons.push(reason));
      },
    })
  );
  const client = new Client(master.address, credentials.createInsecure());
  const definition = methodDefinition(RaftService.method.exchange);
  const stream = client.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
  );
  const answers: number[] = [];
  const ended = new Promise((resolve) => stream.on("end", resolve));
  stream.on("data", (frame) => answers.push((frame as unknown as { format: number }).format));
  for (let format = 0; format < 100; format++) {
    stream.write(create(RaftFrameSchema, { format }));
  }
  stream.end();
  await ended;
  assert.deepEqual(answers, Array.from({ length: 100 }, (_, position) => position + 1));
  assert.deepEqual(reasons, ["the caller closed the stream"]);
  assert.deepEqual(master.codes, ["OK"]);
  client.close();
});

Deno.test("a listener that throws ends its call, not the server", async () => {
  await using master = await startTestServer((server) =>
    server.add(RaftService, {
      exchange: (stream) =>
        stream.onMessage(({ format }) => {
          if (format === 7) throw new Refusal("failed_precondition", "not seven");
          throw new Error("a bug of ours");
        }),
    })
  );
  const refused = await exchange(master.address, [{ format: 7 }]);
  assert.equal(refused.failure.details, "not seven");
  const broken = await exchange(master.address, [{ format: 1 }]);
  assert.equal(broken.failure.code, status.INTERNAL);
  assert.doesNotMatch(broken.failure.details, /bug/);
  assert.equal((master.internalErrors[0] as Error).message, "a bug of ours");
});

Deno.test("a handler that throws before it listens ends the call as our fault", async () => {
  await using master = await startTestServer((server) =>
    server.add(RaftService, {
      exchange: () => {
        throw new Error("a bug of ours");
      },
    })
  );
  assert.equal((await exchange(master.address)).failure.code, status.INTERNAL);
});

Deno.test("a caller lost while the gate still thinks is told to the handler as closed", async () => {
  const gate = Promise.withResolvers<{ userId: string; roles: string[] }>();
  const atTheGate = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<string>();
  await using master = await startTestServer(
    (server) => {
      server.add(RaftService, { exchange: (stream) => stream.onClosed(closed.resolve) });
      server.add(Health, health({}));
    },
    {
      gatekeeper: ({ method }) => {
        if (method.includes("Health")) return Promise.resolve({ userId: "tester", roles: [] });
        atTheGate.resolve();
        return gate.promise;
      },
    },
  );
  const client = new Client(master.address, credentials.createInsecure());
  const definition = methodDefinition(RaftService.method.exchange);
  const stream = client.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
  );
  const over = new Promise((resolve) => stream.on("error", resolve));
  await atTheGate.promise;
  stream.cancel();
  await over;
  // Over the same connection, so it comes after the word that the stream is cancelled.
  const check = methodDefinition(Health.method.check);
  await new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      check.path,
      check.requestSerialize,
      check.responseDeserialize,
      create(Health.method.check.input),
      (failure, answer) => failure === null ? resolve(answer) : reject(failure),
    )
  );
  client.close();
  gate.resolve({ userId: "tester", roles: [] });
  assert.equal(await closed.promise, "the connection was lost");
});

Deno.test("stopping lets unary calls under way finish, and refuses new ones", async () => {
  const release = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  const master = await startTestServer((server) =>
    server.add(
      Health,
      health({
        check: async ({ service }) => {
          if (service === "slow") {
            started.resolve();
            await release.promise;
          }
          return { status: SERVING };
        },
      }),
    )
  );
  const channel = new ClusterChannel(channelTo([master.address]));
  const slow = channel.call(Health.method.check, { service: "slow" });
  await started.promise;
  const stopped = Promise.all([master.server.stop(10_000), master.server.stop(10_000)]);
  const late = await refusalOf(channel.call(Health.method.check, {}, { timeoutMs: 300 }));
  assert.equal(late.reason, "unavailable");
  release.resolve();
  assert.equal((await slow).status, SERVING);
  await stopped;
  channel.close();
});

Deno.test("stopping does not wait for a call longer than its grace", async () => {
  const started = Promise.withResolvers<void>();
  const master = await startTestServer((server) =>
    server.add(
      Health,
      health({
        check: () => {
          started.resolve();
          return new Promise(() => {});
        },
      }),
    )
  );
  const channel = new ClusterChannel(channelTo([master.address]));
  const call = refusalOf(channel.callAt(master.address, Health.method.check, {}));
  await started.promise;
  await master.server.stop(20);
  assert.equal((await call).reason, "unavailable");
  channel.close();
});

Deno.test("a port that is taken is an error that names it", async () => {
  await using master = await startTestServer((server) => server.add(Health, health({})));
  await assert.rejects(
    startTestServer((server) => server.add(Health, health({})), { port: master.port }),
    new RegExp(`${master.port}`),
  );
});
