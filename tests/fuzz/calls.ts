/**
 * Fuzzed messages to methods that are served somewhere.
 *
 * @module
 */

import type { DescMethod } from "@bufbuild/protobuf";
import { type Client, Metadata, status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { Health } from "../../src/rpc/gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../src/rpc/gen/grpc/reflection/v1/reflection_pb.ts";
import { MasterService, methodPath } from "../../src/rpc/mod.ts";
import type { Random } from "../simulation/random.ts";
import { fuzzedMessage } from "./messages.ts";

/**
 * What no request may cause: the server's own fault. A message that does not decode is INVALID_ARGUMENT
 * with us, so that not even the INTERNAL that gRPC has for it is left.
 */
const FORBIDDEN: readonly status[] = [
  status.UNKNOWN,
  status.INTERNAL,
  status.DATA_LOSS,
  status.UNIMPLEMENTED,
];
/** Streams are left after this long, in ms. */
const STREAM_MS = 300;
const CALL_MS = 20_000;
const AT_ONCE = 16;

/** Every method of the port for clients. */
export const CLIENT_METHODS: readonly DescMethod[] = [MasterService, Health, ServerReflection]
  .flatMap(({ methods }) => methods);

/** A method where it is called. */
export interface Target {
  readonly method: DescMethod;
  readonly client: Client;
  /** Value of the header. */
  readonly authorization?: string;
  /** What is sent; default: nearly a request of the method's. */
  readonly message?: (random: Random) => Uint8Array<ArrayBuffer>;
  /** The one code that is right, whatever is sent; default: any but those that are the server's fault. */
  readonly only?: status;
  /** Right besides, although it is the server's fault elsewhere. */
  readonly also?: status;
}

/** What came of a run. */
export interface CallReport {
  /** What was answered that must not be, with what it takes to see it again. */
  readonly findings: string[];
  /** Answers, by the name of their status. */
  readonly answers: ReadonlyMap<string, number>;
}

/** Calls the targets in turn, so often; gives what they must not have answered, and counts the answers. */
export async function fuzzCalls(
  targets: readonly Target[],
  iterations: number,
  random: Random,
): Promise<CallReport> {
  const findings: string[] = [];
  const answers = new Map<string, number>();
  const jobs = Array.from({ length: iterations }, (_, index) => {
    const target = targets[index % targets.length]!;
    const { method, message = (each) => fuzzedMessage(method.input, each) } = target;
    return { target, bytes: message(random) };
  });
  const work = jobs.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const { target, bytes } of work) {
      const { code, details } = await call(target, bytes);
      const name = status[code] ?? String(code);
      answers.set(name, (answers.get(name) ?? 0) + 1);
      if (isRight(target, code)) continue;
      const hex = bytes.length > 512 ? `${bytes.slice(0, 512).toHex()}...` : bytes.toHex();
      findings.push(`${methodPath(target.method)} answered ${name} (${details}) to ${hex}`);
    }
  }));
  return { findings, answers };
}

function isRight({ method, only, also }: Target, code: status): boolean {
  // Streams are left soon, on a busy machine before they are answered.
  const isLeft = code === status.DEADLINE_EXCEEDED && method.methodKind !== "unary";
  if (only !== undefined) return code === only || isLeft;
  const isSlow = code === status.DEADLINE_EXCEEDED && method.methodKind === "unary";
  return code === also || !FORBIDDEN.includes(code) && !isSlow;
}

function call(
  { method, client, authorization }: Target,
  bytes: Uint8Array,
): Promise<{ readonly code: status; readonly details: string }> {
  const same = (value: Uint8Array) => Buffer.from(value);
  const deadline = Date.now() + (method.methodKind === "unary" ? CALL_MS : STREAM_MS);
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set("authorization", authorization);
  return new Promise((resolve) => {
    const stream = client.makeServerStreamRequest(
      methodPath(method),
      same,
      same,
      bytes,
      metadata,
      { deadline },
    );
    stream.on("data", () => {});
    stream.on("error", () => {}); // the status says it too
    stream.on("status", ({ code, details }) => resolve({ code, details }));
  });
}
