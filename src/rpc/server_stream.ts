/**
 * Calls in which a server streams, over grpc-js.
 *
 * @module
 */

import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import type { ServerDuplexStream, ServerWritableStream } from "@grpc/grpc-js";
import type { Buffer } from "node:buffer";
import type { DuplexCall, StreamWriter } from "./call.ts";
import { Refusal, toServiceError } from "./status.ts";
import { type AnyMessage, decoded, encoded, type Received } from "./wire.ts";

/** An AbortSignal that costs nothing until a handler asks for it: most unary calls never do. */
export class LazyAborter {
  #controller: AbortController | undefined;
  #reason: string | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: string): void {
    this.#reason = reason;
    this.#controller?.abort(new Refusal("cancelled", reason));
  }
}

/** Writes down a server-streaming call; a slow reader holds the handler up, not our memory. */
export function streamWriter(
  method: DescMethod,
  call: ServerWritableStream<Received, Buffer>,
  signal: AbortSignal,
): StreamWriter<MessageInitShape<DescMessage>> {
  return {
    write(message) {
      signal.throwIfAborted();
      if (call.write(encoded(method.output, message))) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const settle = () => {
          call.off("drain", drained);
          signal.removeEventListener("abort", aborted);
        };
        const drained = () => {
          settle();
          resolve();
        };
        const aborted = () => {
          settle();
          reject(signal.reason);
        };
        call.once("drain", drained);
        signal.addEventListener("abort", aborted, { once: true });
      });
    },
  };
}

type CallState =
  | { readonly kind: "open" }
  | { readonly kind: "ended" }
  | { readonly kind: "closed"; readonly reason: string };

/** A bidirectional call. What arrives before the handler listens waits for it. */
export class GrpcDuplexCall implements DuplexCall<AnyMessage, MessageInitShape<DescMessage>> {
  /** Settles when the call is over: rejects with the refusal that ended it, if one did. */
  readonly closed: Promise<void>;
  readonly #method: DescMethod;
  readonly #call: ServerDuplexStream<Received, Buffer>;
  #state: CallState = { kind: "open" };
  #onClosed: (reason: string) => void = () => {};
  #onHalfClosed: (() => void) | undefined;
  #settle: (failure?: Refusal) => void = () => {};

  constructor(
    method: DescMethod,
    call: ServerDuplexStream<Received, Buffer>,
    aborter: LazyAborter,
  ) {
    this.#method = method;
    this.#call = call;
    this.closed = new Promise((resolve, reject) => {
      this.#settle = (failure) => failure === undefined ? resolve() : reject(failure);
    });
    this.closed.catch(() => {}); // a call that is not let in has nobody who awaits its end
    call.on("end", () => {
      if (this.#onHalfClosed === undefined) this.#close("the caller closed the stream");
      else if (this.#state.kind === "open") this.#onHalfClosed();
    });
    call.on("cancelled", () => {
      aborter.abort("the caller hung up");
      this.#close("the connection was lost");
    });
    call.on("error", (failure: Error) => this.#close(`the stream failed: ${failure.message}`));
  }

  onMessage(listener: (message: AnyMessage) => void): void {
    this.#call.on("data", (message: Received) => {
      if (this.#state.kind !== "open") return;
      try {
        listener(decoded(message));
      } catch (failure) {
        this.refuse(Refusal.of(failure));
      }
    });
  }

  /** Ends the call for a reason that is not its handler's, which is told. */
  refuse(failure: Refusal): void {
    if (this.#state.kind !== "open") return;
    this.end(failure);
    this.#onClosed(failure.message);
  }

  onClosed(listener: (reason: string) => void): void {
    if (this.#state.kind === "closed") listener(this.#state.reason);
    else this.#onClosed = listener;
  }

  onHalfClosed(listener: () => void): void {
    this.#onHalfClosed = listener;
  }

  onceDrained(listener: () => void): void {
    this.#call.once("drain", listener);
  }

  write(message: MessageInitShape<DescMessage>): boolean {
    if (this.#state.kind !== "open") return false;
    return this.#call.write(encoded(this.#method.output, message));
  }

  end(failure?: Refusal): void {
    if (this.#state.kind !== "open") return;
    this.#state = { kind: "ended" };
    if (failure === undefined) this.#call.end();
    else this.#call.emit("error", toServiceError(failure));
    this.#settle(failure);
  }

  #close(reason: string): void {
    if (this.#state.kind !== "open") return;
    this.#state = { kind: "closed", reason };
    this.#call.end();
    this.#settle();
    this.#onClosed(reason);
  }
}
