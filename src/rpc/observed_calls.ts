/**
 * Watches the calls that a client makes, whatever they are: an option for gRPC clients.
 *
 * @module
 */

import { type ClientOptions, status, type StatusObject } from "@grpc/grpc-js";

/** Told of each call that has ended. */
export interface ClientCallObserver {
  /**
   * @param method full name, such as `/proto.MasterService/SubmitJob`
   * @param code the gRPC status's name, such as `OK` or `NOT_FOUND`
   */
  ended(method: string, isStream: boolean, code: string, durationMs: number): void;
}

/** Clients made with these options tell `observer` of their calls. */
export function observedCalls(
  observer: ClientCallObserver,
  now: () => number = () => performance.now(),
): ClientOptions {
  return {
    // Not an interceptor: those put a layer under every message of every stream.
    callInvocationTransformer(properties) {
      const { path, requestStream, responseStream } = properties.methodDefinition;
      const startedMs = now();
      properties.call.on("status", ({ code }: StatusObject) => {
        observer.ended(path, requestStream || responseStream, status[code], now() - startedMs);
      });
      return properties;
    },
  };
}
