/**
 * Calls as a stranger to this program would make them: with grpc-js and nothing of ours, one connection
 * for each certificate and door.
 *
 * @module
 */

import { create, type DescMethod, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { methodPath } from "../../src/rpc/mod.ts";
import type { PemPair } from "../../src/security/certificate_fixtures.ts";
import type { Certificates } from "./certificates.ts";

/** What came of a call. */
export interface Outcome {
  /** Name of the gRPC status; of a stream that began to answer, OK. */
  readonly code: string;
  readonly message: string;
  /** Of a unary call that was answered. */
  readonly answer: Uint8Array | undefined;
}

const CALL_MS = 60_000;

/** Connections to the doors of a cluster. */
export class Callers {
  readonly #clients = new Map<string, Client>();
  readonly #certificates: Certificates;

  constructor(certificates: Certificates) {
    this.#certificates = certificates;
  }

  /** A client that shows this certificate, or none, at a port. */
  at(port: number, certificate: string | null): Client {
    const name = `${port} ${certificate}`;
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const { authority, pairs } = this.#certificates;
    const shown = certificate === null ? undefined : pairs.get(certificate);
    if (certificate !== null && shown === undefined) throw new Error(`no ${certificate}`);
    const client = clientShowing(port, authority, shown);
    this.#clients.set(name, client);
    return client;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

/** Trusts this authority, and shows this. */
function clientShowing(port: number, authority: string, shown?: PemPair): Client {
  const [key, cert] = shown === undefined
    ? [null, null]
    : [Buffer.from(shown.key), Buffer.from(shown.cert)];
  return new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(authority), key, cert), {
    // Each has a connection of its own, which its certificate is shown on.
    "grpc.use_local_subchannel_pool": 1,
  });
}

/** A request as it is on the wire. */
export function wireOf(method: DescMethod, request: Record<string, unknown>): Uint8Array {
  return toBinary(method.input, create(method.input, request as never));
}

/** Calls a method with one message; a stream is left as soon as it answers. */
export function call(
  client: Client,
  method: DescMethod,
  request: Uint8Array,
  authorization: string | undefined,
): Promise<Outcome> {
  const metadata = new Metadata();
  if (authorization !== undefined) metadata.set("authorization", authorization);
  const same = (bytes: Uint8Array) => Buffer.from(bytes);
  const isUnary = method.methodKind === "unary";
  return new Promise((resolve) => {
    const stream = client.makeBidiStreamRequest(
      methodPath(method),
      same,
      same,
      metadata,
      { deadline: Date.now() + CALL_MS },
    );
    let answer: Uint8Array | undefined;
    stream.on("data", (message: Uint8Array) => {
      answer = message;
      if (isUnary) return;
      resolve({ code: "OK", message: "", answer });
      stream.cancel();
    });
    stream.on("error", () => {}); // the status says it too
    stream.on("status", ({ code, details }) => {
      resolve({ code: status[code] ?? String(code), message: details, answer });
    });
    stream.write(request);
    // Who asks by a stream may ask again; whoever asks once has said all.
    if (method.methodKind !== "bidi_streaming") stream.end();
  });
}
