/**
 * Ports that are this process's before its servers are: what a start on an empty directory does (found
 * a cluster, tell a leader that it comes) holds for good, so it does it once nothing can be in the way.
 *
 * The servers cannot be bound that early, since their services are a member's of a cluster that is not
 * known yet, and a port that is given back after a trial may be another's when it is needed. So a port
 * is listened on and shut: whoever calls is hung up on, and tries the next address. It is let go at the
 * moment in which its server takes it.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { createServer, type Server } from "node:net";
import { bound, type ListenSettings } from "../rpc/mod.ts";
import type { Listen } from "./options.ts";

export class HeldPorts {
  readonly #listeners = new Map<Listen, readonly Server[]>();

  /**
   * Takes the port of `listen`; any free port (0) will be there later, too.
   *
   * @throws PortError
   */
  async hold(listen: Listen, settings: ListenSettings): Promise<void> {
    if (listen.port === 0) return;
    const door = {
      listen: async (host: string, port: number) => {
        this.#listeners.set(listen, await shutListeners(host, port));
        return port;
      },
    };
    await bound(door, listen, settings);
  }

  /** Lets go of the port of `listen`, if it is held. */
  async release(listen: Listen): Promise<void> {
    const listeners = this.#listeners.get(listen) ?? [];
    this.#listeners.delete(listen);
    await Promise.all(listeners.map(closed));
  }

  async releaseAll(): Promise<void> {
    await Promise.all([...this.#listeners.keys()].map((each) => this.release(each)));
  }
}

/** On all addresses of `host` that can be had, as a gRPC server does it, which needs one of them. */
async function shutListeners(host: string, port: number): Promise<readonly Server[]> {
  const addresses = await lookup(host, { all: true });
  const listening = await Promise.allSettled(
    addresses.map(({ address }) => shutListener(address, port)),
  );
  const listeners = listening.filter((each) => each.status === "fulfilled");
  const failed = listening.find((each) => each.status === "rejected");
  if (listeners.length === 0 && failed !== undefined) throw failed.reason;
  return listeners.map((each) => each.value);
}

function shutListener(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const listener = createServer((socket) => {
      socket.on("error", () => {}); // who called may have hung up first
      socket.destroy();
    });
    listener.once("error", reject);
    listener.listen({ host, port }, () => resolve(listener));
  });
}

function closed(listener: Server): Promise<void> {
  return new Promise((resolve) => listener.close(() => resolve()));
}
