/**
 * Binding a port, with words for the person who has to find another one.
 *
 * @module
 */

import type { RpcServer } from "./server.ts";

/** The port cannot be had. */
export class PortError extends Error {
  override name = "PortError";
}

/**
 * Starts to listen; resolves to the port.
 *
 * @param setting how a person changes the port: `grpc.master_port (--grpc-port)`
 * @throws PortError
 */
export async function bound(
  server: RpcServer,
  { host, port }: { readonly host: string; readonly port: number },
  setting: string,
): Promise<number> {
  try {
    return await server.listen(host, port);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PortError(
      `cannot listen on ${host}:${port}: ${reason}; is another program there? change ${setting} ` +
        "or stop it",
      { cause },
    );
  }
}
