import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type SecureClientSessionOptions,
} from "node:http2";
import { SubmitJobRequestSchema, SubmitStreamRequestSchema } from "./gen/scheduler_pb.ts";
import type { MasterApi } from "./master_api.ts";
import { startTestMaster } from "./server_test_support.ts";
import { bytesOf } from "./wire.ts";

const KIB = 1024;
const MIB = KIB * KIB;
const SUBMIT_JOB = "/proto.MasterService/SubmitJob";

/** What a server says to a stream that it ends for what it keeps. */
const CALMED = "Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM";

function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + message.byteLength);
  new DataView(bytes.buffer).setUint32(1, message.byteLength);
  bytes.set(message, 5);
  return bytes;
}

function jobOf(payloadBytes: number): Uint8Array {
  const payload = new Uint8Array(payloadBytes);
  return bytesOf(SubmitJobRequestSchema, create(SubmitJobRequestSchema, { type: "noop", payload }));
}

function callTo(session: ClientHttp2Session, path = SUBMIT_JOB): ClientHttp2Stream {
  return session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
  }, { endStream: false });
}

/** How a stream ended: what failed, or its gRPC status. */
function endOf(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve) => {
    let end = "no status";
    stream.on("response", (headers) => end = String(headers["grpc-status"] ?? end));
    stream.on("trailers", (headers) => end = String(headers["grpc-status"]));
    stream.on("error", (failure) => end = failure.message);
    stream.on("close", () => resolve(end));
    stream.resume();
  });
}

/** Takes every job, under names made of `of`. */
function accepting(of = "job-"): Partial<MasterApi> {
  return {
    submit: (submissions) =>
      Promise.resolve(
        submissions.map((_, at) => ({ jobId: `${of}${at}`, duplicate: false, message: "" })),
      ),
  };
}

Deno.test("requests that do not end are ended when they keep too much, those that have waited longest first", async () => {
  const ended: number[] = [];
  await using master = await startTestMaster(accepting(), {
    heldBytesMax: 2 * MIB,
    onHeldTooMuch: (bytes) => void ended.push(bytes),
  });
  const session = connect(`http://${master.address}`);
  try {
    const half = framed(jobOf(MIB)).subarray(0, 512 * KIB);
    const streams = Array.from({ length: 16 }, () => {
      const stream = callTo(session);
      stream.write(half);
      return stream;
    });
    const ends = streams.map(endOf);
    assert.equal(await ends[0], CALMED);
    const whole = callTo(session);
    const end = endOf(whole);
    whole.end(framed(jobOf(64 * KIB)));
    assert.equal(await end, "0", "others are served meanwhile");
    assert.ok(ended.length > 0 && ended.every((bytes) => bytes >= 16 * KIB));
  } finally {
    session.destroy();
  }
});

Deno.test({
  name: "a flood of one address ends its own calls, and not the long one of another",
  ignore: Deno.build.os !== "linux", // elsewhere 127.0.0.2 is nobody's
  async fn() {
    const ended: string[] = [];
    await using master = await startTestMaster(accepting(), {
      heldBytesMax: 4 * MIB,
      onHeldTooMuch: (_bytes, address) => void ended.push(address),
    });
    const [session, flooding] = [
      connect(`http://${master.address}`),
      connect(
        `http://${master.address}`,
        { localAddress: "127.0.0.2" } as SecureClientSessionOptions,
      ),
    ];
    try {
      const whole = callTo(session);
      const end = endOf(whole);
      const request = framed(jobOf(512 * KIB));
      whole.write(request.subarray(0, 256 * KIB));
      const ends = Array.from({ length: 512 }, () => endOf(callTo(flooding)));
      assert.equal(await Promise.race(ends), CALMED);
      whole.end(request.subarray(256 * KIB));
      assert.equal(await end, "0");
      assert.ok(ended.every((address) => address === "127.0.0.2"));
    } finally {
      session.destroy();
      flooding.destroy();
    }
  },
});

Deno.test("a request that is there in full counts until it ends, for it is not looked at before", async () => {
  await using master = await startTestMaster(accepting(), { heldBytesMax: 2 * MIB });
  const session = connect(`http://${master.address}`);
  try {
    const ends = Array.from({ length: 8 }, () => {
      const stream = callTo(session);
      stream.write(framed(jobOf(512 * KIB)));
      return endOf(stream);
    });
    assert.equal(await ends[0], CALMED);
  } finally {
    session.destroy();
  }
});

Deno.test("answers that nobody reads are given up when they keep too much", async () => {
  const answer = "x".repeat(512 * KIB);
  await using master = await startTestMaster(accepting(answer), { heldBytesMax: 2 * MIB });
  const session = connect(`http://${master.address}`, { settings: { initialWindowSize: 0 } });
  try {
    const ends = Array.from({ length: 8 }, () => {
      const stream = callTo(session);
      stream.end(framed(jobOf(10)));
      return endOf(stream);
    });
    assert.equal(await Promise.race(ends), CALMED);
  } finally {
    session.destroy();
  }
});

Deno.test("calls that get on are served, however much they bring together", async () => {
  const ended: number[] = [];
  await using master = await startTestMaster(accepting(), {
    heldBytesMax: 2 * MIB,
    onHeldTooMuch: (bytes) => void ended.push(bytes),
  });
  const session = connect(`http://${master.address}`);
  try {
    for (let each = 0; each < 10; each++) {
      const stream = callTo(session);
      const end = endOf(stream);
      stream.end(framed(jobOf(MIB)));
      assert.equal(await end, "0");
    }
    const stream = callTo(session, "/proto.MasterService/SubmitStream");
    let answers = 0;
    for (let sequence = 1n; sequence <= 10n; sequence++) {
      const message = create(SubmitStreamRequestSchema, { sequence });
      message.jobs = [create(SubmitJobRequestSchema, { type: "x", payload: new Uint8Array(MIB) })];
      const answered = new Promise<void>((resolve, reject) => {
        stream.once("data", () => resolve(void answers++));
        stream.once("close", () => reject(new Error("the stream was ended")));
      });
      stream.write(framed(bytesOf(SubmitStreamRequestSchema, message)));
      await answered;
    }
    assert.equal(answers, 10);
    assert.deepEqual(ended, []);
  } finally {
    session.destroy();
  }
});
