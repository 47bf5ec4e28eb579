/**
 * A server on loopback, for the tests of this room and of those that talk to a master.
 *
 * @module
 */

import { credentials, ServerCredentials } from "@grpc/grpc-js";
import type { ChannelOptions } from "./channel.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { MasterApi } from "./master_api.ts";
import { masterService } from "./master_service.ts";
import { RpcServer, type RpcServerOptions } from "./server.ts";
import { Refusal } from "./status.ts";

/** A running server and what it told about its calls. */
export interface TestServer extends AsyncDisposable {
  readonly server: RpcServer;
  readonly port: number;
  readonly address: string;
  /** Status names of the calls that ended, in order. */
  readonly codes: string[];
  /** Failures that were the server's own. */
  readonly internalErrors: unknown[];
}

/** A server that lets everybody in and has the services that `addServices` gives it. */
export async function startTestServer(
  addServices: (server: RpcServer) => void,
  changes: Partial<RpcServerOptions> & { readonly port?: number } = {},
): Promise<TestServer> {
  const codes: string[] = [];
  const internalErrors: unknown[] = [];
  const server = new RpcServer({
    credentials: ServerCredentials.createInsecure(),
    messageBytesMax: 4 * 1024 * 1024,
    gatekeeper: () => ({ userId: "tester", roles: [] }),
    observer: {
      started: () => ({ traceparent: "", ended: (code) => void codes.push(code) }),
    },
    newRequestId: () => "made-by-the-server",
    onInternalError: (_method, failure) => void internalErrors.push(failure),
    ...changes,
  });
  addServices(server);
  const port = await server.listen("127.0.0.1", changes.port ?? 0);
  return {
    server,
    port,
    address: `127.0.0.1:${port}`,
    codes,
    internalErrors,
    [Symbol.asyncDispose]: () => server.stop(0),
  };
}

/** A master that refuses everything but what is given. */
export function scriptedMaster(calls: Partial<MasterApi>): MasterApi {
  return new Proxy(calls, {
    get: (target, name) =>
      Reflect.get(target, name) ?? (() => {
        throw new Refusal("unimplemented", `the test has no ${String(name)}`);
      }),
  }) as MasterApi;
}

/** A server of `MasterService` over what is given. */
export function startTestMaster(
  calls: Partial<MasterApi>,
  changes: Partial<RpcServerOptions> & { readonly port?: number } = {},
): Promise<TestServer> {
  return startTestServer(
    (server) => server.add(MasterService, masterService(scriptedMaster(calls))),
    changes,
  );
}

/** A connection that can stop to carry anything without being closed. */
export interface Relay extends AsyncDisposable {
  readonly address: string;
  /** From now on nothing passes, either way; nothing is closed either. */
  freeze(): void;
  /** Connections that it carries now. */
  open(): number;
}

/** Stands between clients and the server at `port`. */
export function startRelay(port: number): Relay {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let isFrozen = false;
  const pump = async (from: Deno.Conn, to: Deno.Conn) => {
    const buffer = new Uint8Array(64 * 1024);
    try {
      while (true) {
        const count = await from.read(buffer);
        if (count === null) break;
        for (let at = 0; at < count && !isFrozen;) at += await to.write(buffer.subarray(at, count));
      }
    } catch {
      // the other side has closed, or the relay has ended
    }
    if (!isFrozen) { for (const each of [from, to]) close(each); }
  };
  const close = (connection: Deno.Conn) => {
    if (!connections.delete(connection)) return;
    connection.close();
  };
  const accepting = (async () => {
    for await (const incoming of listener) {
      const outgoing = await Deno.connect({ hostname: "127.0.0.1", port });
      for (const each of [incoming, outgoing]) connections.add(each);
      pump(incoming, outgoing);
      pump(outgoing, incoming);
    }
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    freeze: () => void (isFrozen = true),
    open: () => connections.size / 2, // one from the client, one to the server
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const each of connections) close(each);
    },
  };
}

/**
 * How to reach servers on loopback. It is patient: where a machine with much else to do makes a client give up
 * one server and go to the next, a test waits for ever for the first to be asked.
 */
export function channelTo(
  addresses: readonly string[],
  changes: Partial<ChannelOptions> = {},
): ChannelOptions {
  return {
    addresses,
    credentials: credentials.createInsecure(),
    messageBytesMax: 4 * 1024 * 1024,
    callTimeoutMs: 60_000,
    dialTimeoutMs: 20_000,
    ...changes,
  };
}

/** A port of 127.0.0.1 on which nobody listens. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Resolves once `isTrue`, asked at every turn of the event loop; rejects after a minute. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + 60_000;
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`it never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
