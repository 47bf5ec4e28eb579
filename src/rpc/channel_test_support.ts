/**
 * Addresses that answer and addresses that do not, for the tests of channels.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
import { startTestServer, type TestServer } from "./server_test_support.ts";
import type { RpcServerOptions } from "./server.ts";

export const { SERVING } = HealthCheckResponse_ServingStatus;

export function startHealth(
  check: (service: string) => void | Promise<void> | undefined = () => {},
  changes: Partial<RpcServerOptions> & { readonly port?: number } = {},
): Promise<TestServer> {
  return startTestServer((server) =>
    server.add(Health, {
      check: async ({ service }) => {
        await check(service);
        return { status: SERVING };
      },
      list: () => ({}),
      watch: async (_request, call, out) => {
        await out.write({ status: SERVING });
        await new Promise((_resolve, reject) =>
          call.signal.addEventListener("abort", () => reject(call.signal.reason))
        );
      },
    }), changes);
}

export interface Silence {
  readonly address: string;
  readonly connections: readonly Deno.Conn[];
  stop(): void;
}

/** An address that takes connections and says nothing. */
export function startSilence(): Silence {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  (async () => {
    for await (const connection of listener) connections.push(connection);
  })();
  return {
    address: `127.0.0.1:${listener.addr.port}`,
    connections,
    stop() {
      listener.close();
      for (const each of connections) each.close();
    },
  };
}

/** The way to the server at `port` for who waits: a connection carries nothing for its first `delayMs`. */
export async function startDelay(
  port: number,
  delayMs: number,
): Promise<{ readonly address: string; stop(): void }> {
  const sockets = new Set<Socket>();
  const held = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // either side may hang up, and then closes
    return socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((incoming) => {
    held(incoming);
    setTimeout(() => {
      if (incoming.destroyed) return;
      const outgoing = held(connect(port, "127.0.0.1"));
      incoming.pipe(outgoing).pipe(incoming);
    }, delayMs);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
