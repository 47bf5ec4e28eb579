/**
 * The calls of a channel, which several clients may share and one call may bind to a signal or a time.
 *
 * @module
 */

import type {
  DescMessage,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { SubmitJobRequestSchema, SubmitJobResponse } from "./gen/scheduler_pb.ts";
import { type CallOptions, type ChannelOptions, ClusterChannel } from "./channel.ts";

/** What a client asks of a channel. */
export interface Calls {
  call<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    options?: CallOptions,
  ): Promise<MessageShape<Output>>;
  /** Submits one job, which must have an idempotency key; those that come together travel together. */
  submit(
    request: MessageInitShape<typeof SubmitJobRequestSchema>,
    options?: CallOptions,
  ): Promise<SubmitJobResponse>;
  stream<Input extends DescMessage, Output extends DescMessage>(
    method: DescMethodServerStreaming<Input, Output>,
    request: MessageInitShape<Input>,
    signal?: AbortSignal,
  ): AsyncGenerator<MessageShape<Output>>;
  close(): void;
}

/** A channel that is there, or a new one. */
export function callsOf(given: ChannelOptions | Calls): Calls {
  return "call" in given ? given : new ClusterChannel(given);
}

/**
 * The same channel, for calls that end with `signal` and may take `timeoutMs`. Closing it closes
 * nothing: it is not its own.
 */
export function boundTo(
  channel: Calls,
  { signal, timeoutMs }: Pick<CallOptions, "signal" | "timeoutMs">,
): Calls {
  const bounds = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
  return {
    call: (method, request, options) => channel.call(method, request, { ...options, ...bounds }),
    submit: (request, options) => channel.submit(request, { ...options, ...bounds }),
    stream: (method, request, own) => channel.stream(method, request, own ?? signal),
    close: () => {},
  };
}
