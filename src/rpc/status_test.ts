import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack, durationMs } from "@bufbuild/protobuf/wkt";
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import assert from "node:assert/strict";
import { RetryInfoSchema, StatusSchema } from "./gen/google/rpc/error_details_pb.ts";
import { codeOf, fromServiceError, Refusal, type RefusalReason, toServiceError } from "./status.ts";

const REASONS: Readonly<Record<RefusalReason, status>> = {
  invalid: status.INVALID_ARGUMENT,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  failed_precondition: status.FAILED_PRECONDITION,
  conflict: status.ABORTED,
  overloaded: status.RESOURCE_EXHAUSTED,
  too_large: status.RESOURCE_EXHAUSTED,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  unavailable: status.UNAVAILABLE,
  not_leader: status.UNAVAILABLE,
  outcome_unknown: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  data_loss: status.DATA_LOSS,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
};

function overTheWire(failure: unknown): Refusal {
  const error = toServiceError(failure);
  return fromServiceError(
    Object.assign(new Error(`${error.code} ${error.details}`), error) as ServiceError,
  );
}

Deno.test("every reason has its gRPC status and comes back as itself", () => {
  for (const [reason, code] of Object.entries(REASONS) as [RefusalReason, status][]) {
    assert.equal(codeOf(reason), code);
    const leader = reason === "not_leader" ? { leaderAddress: "10.0.0.1:9000" } : {};
    const back = overTheWire(new Refusal(reason, "the words", leader));
    assert.equal(back.reason, reason);
    assert.equal(back.message, "the words");
  }
});

Deno.test("a retry hint and the leader's address survive the wire", () => {
  const back = overTheWire(
    new Refusal("not_leader", "ask the other", {
      retryAfterMs: 12.3,
      leaderAddress: "[::1]:9000",
    }),
  );
  assert.equal(back.retryAfterMs, 13);
  assert.equal(back.leaderAddress, "[::1]:9000");
  assert.equal(overTheWire(new Refusal("unavailable", "later")).retryAfterMs, undefined);
});

Deno.test("a retry hint is told as every gRPC library knows it, and as a plain trailer", () => {
  const { metadata } = toServiceError(new Refusal("overloaded", "full", { retryAfterMs: 1_500 }));
  assert.deepEqual(metadata?.get("retry-after-ms"), ["1500"]);
  const [bytes] = metadata?.get("grpc-status-details-bin") ?? [];
  const { code, message, details } = fromBinary(StatusSchema, bytes as Uint8Array);
  assert.deepEqual([code, message], [status.RESOURCE_EXHAUSTED, "full"]);
  assert.equal(details[0]?.typeUrl, "type.googleapis.com/google.rpc.RetryInfo");
  const info = anyUnpack(details[0]!, RetryInfoSchema);
  assert.equal(durationMs(info!.retryDelay!), 1_500);
  const plain = toServiceError(new Refusal("invalid", "no")).metadata;
  assert.deepEqual(plain?.get("grpc-status-details-bin"), []);
});

Deno.test("a failure of ours becomes INTERNAL without its text", () => {
  for (const failure of [new Error("password=hunter2"), "a string", undefined, null]) {
    const error = toServiceError(failure);
    assert.equal(error.code, status.INTERNAL);
    assert.equal(error.details, "internal error; the server's log has the details");
  }
});

Deno.test("a status that we never give is read as internal, with what it said", () => {
  const foreign = Object.assign(new Error("2 UNKNOWN: odd"), {
    code: status.UNKNOWN,
    details: "odd",
    metadata: new Metadata(),
  });
  const refusal = fromServiceError(foreign);
  assert.equal(refusal.reason, "internal");
  assert.equal(refusal.message, "odd");
});

Deno.test("a connection that breaks under a call is a lost master, whatever grpc-js calls it", () => {
  const broken = Object.assign(new Error(""), {
    code: status.INTERNAL,
    details: "Received RST_STREAM with code 2 triggered by internal client error: write EPIPE",
    metadata: new Metadata(),
  });
  assert.equal(fromServiceError(broken).reason, "unavailable");
});

Deno.test("what the gRPC library says of itself is told in words that help", () => {
  const of = (code: status, details: string) =>
    fromServiceError(Object.assign(new Error(details), {
      code,
      details,
      metadata: new Metadata(),
    }));
  const refused = of(
    status.UNAVAILABLE,
    "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:9. Resolution note: ",
  );
  assert.equal(refused.reason, "unavailable");
  assert.equal(refused.message, "connect ECONNREFUSED 127.0.0.1:9");
  const dropped = of(status.UNAVAILABLE, "Connection dropped");
  assert.equal(dropped.reason, "unavailable");
  assert.match(dropped.message, /connection was lost before all of the answer/);
  assert.equal(dropped.isAnswer, false);
  const unknown = of(
    status.UNIMPLEMENTED,
    "The server does not implement the method /proto.MasterService/ListJobs",
  );
  assert.equal(unknown.reason, "unimplemented");
  assert.match(
    unknown.message,
    /^\/proto\.MasterService\/ListJobs .* Raft port.*grpc\.master_port/,
  );
  const sent = of(
    status.RESOURCE_EXHAUSTED,
    "Attempted to send message with a size larger than 4194304",
  );
  assert.equal(sent.reason, "too_large", "nothing will make room for it");
  assert.match(sent.message, /4194304 bytes that grpc\.max_msg_size allows/);
  const received = of(
    status.RESOURCE_EXHAUSTED,
    "Received message larger than max (577073778 vs 4194304)",
  );
  assert.equal(received.reason, "overloaded");
  assert.match(received.message, /is the other side a gRPC port/);
  const unwritable = of(
    status.INTERNAL,
    "Request message serialization failure: cannot encode field proto.ListJobsRequest.limit to binary: invalid int32: 1.5",
  );
  assert.equal(unwritable.reason, "invalid");
  assert.equal(unwritable.message, "limit is 1.5, which is no int32");
  const late = of(
    status.DEADLINE_EXCEEDED,
    "Deadline exceeded after 0.041s,remote_addr=127.0.0.1:9000",
  );
  assert.equal(late.reason, "outcome_unknown");
  assert.match(late.message, /^127\.0\.0\.1:9000 did not answer in time/);
});

Deno.test("what the gate refuses keeps its status code and its hint", () => {
  const codes = [
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
  ] as const;
  for (const code of codes) {
    const refusal = Refusal.byGate({ ok: false, code, message: "no", retryAfterMs: 250 });
    assert.equal(toServiceError(refusal).code, status[code]);
    assert.equal(refusal.message, "no");
    assert.equal(refusal.retryAfterMs, 250);
  }
});

Deno.test("a refusal that quotes megabytes fits into what a client takes of an answer's end", () => {
  const quoted = `there is no job "${"x".repeat(3_982)}\u{1f600}${"x".repeat(1_000_000)}"`;
  const { message } = overTheWire(new Refusal("not_found", quoted));
  assert.equal(message.length, 4_000);
  assert.match(message, /^there is no job "x+.…$/);
  assert.equal(message.isWellFormed(), true);
});
