import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import type { MasterApi } from "./master_api.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import { startTestMaster } from "./server_test_support.ts";
import { methodPath } from "./wire.ts";

/** Streams of one connection; a caller may have four times as many. */
const STREAMS_MAX = 2;
/** `job_id` "j", and bytes that are no message. */
const WATCH_J = Buffer.from([0x0a, 0x01, 0x6a]);
const GARBAGE = Buffer.from([0x0a, 0xff]);

/** A master whose streams last until their callers leave, and who calls is as they say. */
function startWatched() {
  const watchJob: MasterApi["watchJob"] = async (_jobId, send, { signal }) => {
    await send({ kind: "log", atMs: 0, lines: [], firstLine: 0, attempt: 1 });
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  };
  return startTestMaster({ watchJob }, {
    streamsMax: STREAMS_MAX,
    gatekeeper: ({ metadata }) => ({ userId: String(metadata.get("who")[0]), roles: [] }),
    countedAs: ({ userId }) => userId,
  });
}

/** A stream over a connection of its own, and what came of it: its first message, or its failure. */
class Opened implements Disposable {
  readonly #client: Client;
  readonly #stream: ClientReadableStream<Buffer>;
  readonly outcome: Promise<"open" | ServiceError>;

  constructor(address: string, who: string, request: Buffer = WATCH_J) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    const metadata = new Metadata();
    metadata.set("who", who);
    const path = methodPath(MasterService.method.watchJob);
    const raw = (bytes: Buffer) => bytes;
    const stream = this.#client.makeServerStreamRequest(path, raw, raw, request, metadata);
    this.#stream = stream;
    this.outcome = new Promise((resolve) => {
      stream.once("data", () => resolve("open"));
      stream.on("error", resolve as (failure: Error) => void);
    });
  }

  [Symbol.dispose](): void {
    this.#stream.cancel();
    this.#client.close();
  }
}

Deno.test("a caller has a bounded number of streams open, over however many connections", async () => {
  await using master = await startWatched();
  using opened = new DisposableStack();
  const open = (who: string, request?: Buffer) =>
    opened.use(new Opened(master.address, who, request));
  // What is no message begins no stream, and is not counted as one that never ends.
  for (let at = 0; at < 10; at++) {
    const failure = await open("alice", GARBAGE).outcome as ServiceError;
    assert.equal(failure.code, status.INVALID_ARGUMENT);
  }
  const streams = Array.from({ length: 4 * STREAMS_MAX }, () => open("alice"));
  assert.deepEqual(
    await Promise.all(streams.map(({ outcome }) => outcome)),
    streams.map(() => "open"),
  );
  const refused = await open("alice").outcome as ServiceError;
  assert.equal(refused.code, status.RESOURCE_EXHAUSTED);
  assert.match(refused.details, /^"alice" has 8 streams open here, and may have no more/);
  assert.equal(await open("bob").outcome, "open", "others are not hindered");

  const ended = master.codes.length + 1;
  streams[0]![Symbol.dispose]();
  while (master.codes.length < ended) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await open("alice").outcome, "open", "one has ended");
});
