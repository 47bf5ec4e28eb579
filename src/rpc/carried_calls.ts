/**
 * Calls that a stream carries: each is let in and observed as if it had come by itself, or many alike at
 * once.
 *
 * @module
 */

import { status } from "@grpc/grpc-js";
import {
  type CallAttempt,
  type CallContext,
  type Caller,
  type Carried,
  type CarriedAlike,
  type CarriedCall,
  type ObservedCall,
  plainly,
} from "./call.ts";
import { requestIdOf } from "./request_id.ts";
import type { RpcServerOptions } from "./server.ts";
import { codeOf, Refusal } from "./status.ts";

/** The calls that the streams of a server carry. */
export class CarriedCalls {
  readonly #server: RpcServerOptions;

  constructor(server: RpcServerOptions) {
    this.#server = server;
  }

  /** The gate and the observer see a call that a stream carries as they see one by itself. */
  carry(
    stream: CallAttempt,
    context: CallContext,
    { method, ...said }: Carried,
  ): CarriedCall | Promise<CarriedCall> {
    const observed = this.#server.observer.started(method, said.traceparent);
    const requestId = requestIdOf(said.requestId, this.#server.newRequestId);
    return this.#letIn({ ...stream, method, requestId }, context, observed);
  }

  /** Lets in `calls` calls of the stream's caller at once; undefined when each has to be asked for by itself. */
  carryAlike(
    attempt: CallAttempt,
    context: CallContext,
    calls: number,
  ): CarriedAlike | undefined {
    const { gatekeeperOfMany, observer, newRequestId, onInternalError } = this.#server;
    if (gatekeeperOfMany === undefined) return undefined;
    const { method } = attempt;
    const observed = observer.several?.(method, calls);
    if (observed === undefined) return undefined;
    const { traceparent, own } = observed;
    const together = calls - (own?.size ?? 0);
    if (together === 0) return undefined;
    const requestId = newRequestId();
    const caller = gatekeeperOfMany({ ...attempt, requestId, traceparent }, together);
    if (caller === undefined) return undefined;
    observed.started(together);
    const { deadlineMs, peerAddress } = context;
    const shared: CarriedCall = {
      context: {
        ...{ method, caller, requestId, traceparent, peerAddress, deadlineMs },
        signal: NEVER_ABORTED,
      },
      ended(refusal, calls = 1) {
        if (refusal?.reason === "internal") onInternalError(method, refusal.cause ?? refusal);
        const code = refusal === undefined ? "OK" : status[codeOf(refusal.reason)]!;
        observed.ended(code, refusal, calls);
      },
    };
    return (place) => {
      const begin = own?.get(place);
      if (begin === undefined) return shared;
      return this.#letIn({ ...attempt, requestId: newRequestId() }, context, begin());
    };
  }

  #letIn(
    attempt: CallAttempt,
    { deadlineMs, peerAddress }: CallContext,
    observed: ObservedCall,
  ): CarriedCall | Promise<CarriedCall> {
    const { method, requestId } = attempt;
    const { within = plainly } = observed;
    const ended = (refusal?: Refusal) => {
      if (refusal?.reason === "internal") {
        within(() => this.#server.onInternalError(method, refusal.cause ?? refusal));
      }
      observed.ended(refusal === undefined ? "OK" : status[codeOf(refusal.reason)]!, refusal);
    };
    const { traceparent, note } = observed;
    const admitted = (caller: Caller): CarriedCall => ({
      context: {
        ...{ method, caller, requestId, traceparent, note, peerAddress, deadlineMs },
        signal: NEVER_ABORTED,
      },
      ended,
    });
    const refused = (failure: unknown): never => {
      const refusal = Refusal.of(failure);
      ended(refusal);
      throw refusal;
    };
    try {
      const caller = this.#server.gatekeeper({ ...attempt, traceparent });
      return caller instanceof Promise ? caller.then(admitted, refused) : admitted(caller);
    } catch (failure) {
      return refused(failure);
    }
  }
}

/** Whoever submits and hangs up has submitted. */
const NEVER_ABORTED = new AbortController().signal;
