/**
 * Waiting for a connection, apart from the call that needs it: what fails here was not sent.
 *
 * @module
 */

import { type ChannelCredentials, type Client, connectivityState } from "@grpc/grpc-js";
import { Refusal } from "./status.ts";
import { whyUnconnected } from "./unconnected.ts";

/** What is known beside the connection itself. */
export interface ConnectedOptions {
  /** Aborted when nobody wants it any more. */
  readonly unwanted?: AbortSignal | undefined;
  /** Of the client: TLS ones know why a connection failed. */
  readonly credentials?: ChannelCredentials;
}

/**
 * Resolves when the connection of `client` stands. A refused one fails at once, a silent one at
 * `untilMs`, on the clock of `Date.now`, or when nobody wants it any more.
 *
 * @throws Refusal `unavailable`, or the reason of `unwanted`
 */
export async function connected(
  client: Client,
  address: string,
  untilMs: number,
  { unwanted, credentials }: ConnectedOptions = {},
): Promise<void> {
  const channel = client.getChannel();
  while (true) {
    unwanted?.throwIfAborted();
    // A closed channel that is asked to connect does so, and nobody closes it again.
    if (channel.getConnectivityState(false) === connectivityState.SHUTDOWN) {
      throw new Refusal("cancelled", "the connections to the cluster were closed");
    }
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    if (state === connectivityState.TRANSIENT_FAILURE) {
      const why = await whyUnconnected(address, { fault: faultOf(credentials, address) });
      throw new Refusal("unavailable", `${address} ${why}`);
    }
    let end = () => {};
    const changed = new Promise<void>((resolve, reject) => {
      end = () => resolve();
      unwanted?.addEventListener("abort", end, { once: true });
      channel.watchConnectivityState(state, untilMs, (timedOut) => {
        if (timedOut === undefined) resolve();
        else reject(new Refusal("unavailable", `${address} does not answer`));
      });
    });
    await changed.finally(() => unwanted?.removeEventListener("abort", end));
  }
}

/** What the credentials of a TLS channel tell of its last failure, which grpc-js keeps to itself. */
function faultOf(credentials: ChannelCredentials | undefined, address: string): string | undefined {
  if (credentials === undefined || !("faultAt" in credentials)) return undefined;
  const { faultAt } = credentials as { faultAt?(address: string): string | undefined };
  return faultAt?.call(credentials, address);
}
