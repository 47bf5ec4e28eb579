/**
 * Requests that come over a connection of HTTP/1.1 before the last one was answered. A request of thirty bytes costs
 * kilobytes until its answer has left, which it does in its turn and when its reader reads: over one connection a stranger
 * could take gigabytes. And when that is lost, this runtime says so to the answer that is being sent, but not to those
 * behind it, which would be kept for ever with all that waits for them.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Of one connection. No browser and hardly a library sends a second one at all. */
const REQUESTS_MAX = 64;

/** What is under way of each connection. */
export class PipelinedRequests {
  readonly #ofConnection = new WeakMap<Socket, Set<ServerResponse>>();
  readonly #onTooMany: (address: string) => void;

  /** @param onTooMany told of each connection that was ended for it */
  constructor(onTooMany: (address: string) => void) {
    this.#onTooMany = onTooMany;
  }

  /** Takes a request, whose answer is told when its connection is lost; false: it is not to be answered. */
  take({ socket }: IncomingMessage, response: ServerResponse): boolean {
    // What stood behind it in one piece still comes.
    if (socket.destroyed) return false;
    const underWay = this.#of(socket);
    if (underWay.size >= REQUESTS_MAX) {
      const address = socket.remoteAddress ?? "unknown";
      socket.destroy();
      this.#onTooMany(address);
      return false;
    }
    underWay.add(response);
    response.once("close", () => underWay.delete(response));
    return true;
  }

  #of(socket: Socket): Set<ServerResponse> {
    const known = this.#ofConnection.get(socket);
    if (known !== undefined) return known;
    const underWay = new Set<ServerResponse>();
    this.#ofConnection.set(socket, underWay);
    socket.once("close", () => {
      for (const response of [...underWay]) response.emit("close");
    });
    return underWay;
  }
}
