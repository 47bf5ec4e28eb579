/**
 * Fuzzed messages to every method that is served at a master's client port.
 *
 * @module
 */

import type { DescMethod } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
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

/** Every method of the client port. */
const METHODS: readonly DescMethod[] = [MasterService, Health, ServerReflection]
  .flatMap(({ methods }) => methods);

/** What went wrong, with what it takes to see it again. */
export interface Finding {
  readonly what: string;
}

/** Calls methods in turn, so often; gives what they must not have answered, and counts the answers. */
export async function fuzzCalls(
  address: string,
  iterations: number,
  random: Random,
): Promise<{ readonly findings: Finding[]; readonly answers: ReadonlyMap<string, number> }> {
  const client = new Client(address, credentials.createInsecure());
  const findings: Finding[] = [];
  const answers = new Map<string, number>();
  const jobs = Array.from({ length: iterations }, (_, index) => {
    const method = METHODS[index % METHODS.length]!;
    return { method, bytes: fuzzedMessage(method.input, random) };
  });
  const work = jobs.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const { method, bytes } of work) {
      const { code, details } = await call(client, method, bytes);
      const name = status[code] ?? String(code);
      answers.set(name, (answers.get(name) ?? 0) + 1);
      const isSlow = code === status.DEADLINE_EXCEEDED && method.methodKind === "unary";
      if (!FORBIDDEN.includes(code) && !isSlow) continue;
      const hex = bytes.length > 512 ? `${bytes.slice(0, 512).toHex()}...` : bytes.toHex();
      findings.push({ what: `${methodPath(method)} answered ${name} (${details}) to ${hex}` });
    }
  }));
  client.close();
  return { findings, answers };
}

function call(
  client: Client,
  method: DescMethod,
  bytes: Uint8Array,
): Promise<{ readonly code: status; readonly details: string }> {
  const same = (value: Uint8Array) => Buffer.from(value);
  const deadline = Date.now() + (method.methodKind === "unary" ? CALL_MS : STREAM_MS);
  return new Promise((resolve) => {
    const stream = client.makeServerStreamRequest(
      methodPath(method),
      same,
      same,
      bytes,
      new Metadata(),
      { deadline },
    );
    stream.on("data", () => {});
    stream.on("error", () => {}); // the status says it too
    stream.on("status", ({ code, details }) => resolve({ code, details }));
  });
}
