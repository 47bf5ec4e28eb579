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

/** How a person changes where a server listens, each as `grpc.master_port (--grpc-port)`. */
export interface ListenSettings {
  readonly host: string;
  readonly port: string;
}

/**
 * Starts to listen; resolves to the port.
 *
 * @throws PortError
 */
export async function bound(
  server: Pick<RpcServer, "listen">,
  { host, port }: { readonly host: string; readonly port: number },
  settings: ListenSettings,
): Promise<number> {
  try {
    return await server.listen(host, port);
  } catch (cause) {
    const shown = host.includes(":") ? `[${host}]` : host;
    throw new PortError(`cannot listen on ${shown}:${port}: ${reasonOf(cause, host, settings)}`, {
      cause,
    });
  }
}

/** What the system said, and what to do about it. */
function reasonOf(cause: unknown, host: string, settings: ListenSettings): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  if (message.includes("EADDRINUSE")) {
    return `another process uses the port; stop it, or choose another port with ${settings.port}`;
  }
  if (message.includes("EACCES")) {
    return `it is not permitted; choose a port above 1023 with ${settings.port}`;
  }
  // EINVAL is this runtime's word for the first.
  if (message.includes("EADDRNOTAVAIL") || message.includes("EINVAL")) {
    return `${host} is no address of this host; choose one that it has, or 0.0.0.0 for all, ` +
      `with ${settings.host}`;
  }
  // The last are the words of @grpc/grpc-js.
  if (/ENOTFOUND|EAI_AGAIN|Name resolution failed/.test(message)) {
    return `no address is known for ${host}; choose one of this host, or 0.0.0.0 for all, ` +
      `with ${settings.host}`;
  }
  return `${message}; change ${settings.port}`;
}
