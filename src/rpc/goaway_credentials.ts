/**
 * Keeps GOAWAY frames away from a gRPC client's connections (see `goaway_filter.ts`): a worker of
 * another make, or a proxy in between, says it when it stops, and would end this process.
 *
 * @module
 */

import { type CallCredentials, ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import type { Socket } from "node:net";
import { breakOnGoaway } from "./goaway_filter.ts";

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
type Target = Parameters<ChannelCredentials["_createSecureConnector"]>[0];

/**
 * The same credentials; a connection made with them ends when its server says goodbye.
 *
 * @param onBytes called whenever anything at all has come from a server
 */
export function endingOnGoaway(
  credentials: ChannelCredentials,
  onBytes?: () => void,
): ChannelCredentials {
  return new EndingOnGoaway(credentials, onBytes);
}

class EndingOnGoaway extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #onBytes: (() => void) | undefined;

  constructor(inner: ChannelCredentials, onBytes: (() => void) | undefined) {
    super();
    this.#inner = inner;
    this.#onBytes = onBytes;
  }

  override _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  /** Channels of equal credentials share connections, as they would without this. */
  override _equals(other: ChannelCredentials): boolean {
    return other instanceof EndingOnGoaway && this.#onBytes === other.#onBytes &&
      this.#inner._equals(other.#inner);
  }

  override _createSecureConnector(
    target: Target,
    options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): SecureConnector {
    const inner = this.#inner._createSecureConnector(target, options, callCredentials);
    /** On which the server has said nothing yet. */
    let silent: Socket | undefined;
    return {
      connect: async (socket) => {
        silent = socket;
        const connected = await inner.connect(socket);
        silent = connected.socket;
        breakOnGoaway(connected.socket, () => {
          silent = undefined;
          this.#onBytes?.();
        });
        return connected;
      },
      waitForReady: () => inner.waitForReady(),
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => {
        // grpc-js 1.14.7 leaves a connection open whose handshake hangs when its client is closed.
        silent?.destroy();
        inner.destroy();
      },
    };
  }
}
