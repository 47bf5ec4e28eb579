/**
 * Addresses that answer and addresses that do not, for the tests of channels.
 *
 * @module
 */

import { Health, HealthCheckResponse_ServingStatus } from "./gen/grpc/health/v1/health_pb.ts";
import { startTestServer, type TestServer } from "./server_test_support.ts";
import type { RpcServerOptions } from "./server.ts";

export const { SERVING } = HealthCheckResponse_ServingStatus;

export function startHealth(
  check: () => void | Promise<void> | undefined = () => {},
  changes: Partial<RpcServerOptions> & { readonly port?: number } = {},
): Promise<TestServer> {
  return startTestServer((server) =>
    server.add(Health, {
      check: async () => {
        await check();
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
