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
  server: Pick<RpcServer, "listen">,
  { host, port }: { readonly host: string; readonly port: number },
  setting: string,
): Promise<number> {
  try {
    return await server.listen(host, port);
  } catch (cause) {
    throw new PortError(
      `cannot listen on ${host}:${port}: ${reasonOf(cause)} ${setting}`,
      { cause },
    );
  }
}

/** What the system said, and what to do about it, up to the name of the setting. */
function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (message.includes("EADDRINUSE")) {
    return "another process uses the port; stop it, or choose another port with";
  }
  if (message.includes("EACCES")) return "it is not permitted; choose a port above 1023 with";
  if (message.includes("EADDRNOTAVAIL")) {
    return "this host has no such address; choose one that it has with";
  }
  return `${message}; change`;
}
