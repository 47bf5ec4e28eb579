/**
 * How much may be on its way to this end of a connection before it says that it has read some (RFC 9113,
 * section 5.2). By HTTP/2's default of 64 KiB a longer message stops within, until its receiver's word has come
 * back and its sender has had a turn of its loop for it: masters that append 256 jobs send 68 KB, and each such
 * append waited for its own leader's disk; on a line of 20 ms nothing goes faster than 3 MB/s.
 *
 * @module
 */

import type { ClientOptions } from "@grpc/grpc-js";
import type { Http2Server } from "node:http2";

/**
 * Of each connection, and of each stream on it: what an end that reads nothing keeps of it at most. What all streams of a
 * server keep together is bounded by `held_bytes.ts`.
 */
export const WINDOW_BYTES = 1024 * 1024;

/** For whoever dials: what it is sent may be so long. */
export const WIDE_WINDOW: ClientOptions = { "grpc-node.flow_control_window": WINDOW_BYTES };

/** For whoever listens; grpc-js has this option for clients alone. Call it before a connection comes. */
export function widenWindow(listener: Http2Server): void {
  listener.updateSettings({ initialWindowSize: WINDOW_BYTES });
  // A setting is of streams only; a connection's own window is widened by word.
  listener.on("session", (session) => session.setLocalWindowSize(WINDOW_BYTES));
}
