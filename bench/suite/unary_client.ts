/**
 * Submissions as plain unary gRPC calls over one connection to a master: what a client makes of the service that
 * was generated for it from `proto/` and does nothing clever.
 *
 * @module
 */

import { create } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { MasterService, SubmitJobRequestSchema } from "../../src/rpc/gen/scheduler_pb.ts";
import { methodDefinition } from "../../src/rpc/wire.ts";

export class UnaryClient {
  readonly #clients: readonly Client[];
  #calls = 0;

  /** @param addresses `host:port` of masters, which are called in turn, a connection each */
  constructor(addresses: readonly string[]) {
    this.#clients = addresses.map((each) => new Client(each, credentials.createInsecure()));
  }

  submit({ type, payload, priority }: {
    readonly type: string;
    readonly payload: Uint8Array;
    readonly priority: number;
  }): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = methodDefinition(
      MasterService.method.submitJob,
    );
    const request = create(SubmitJobRequestSchema, {
      type,
      payload,
      priority,
      idempotencyKey: crypto.randomUUID(),
    });
    return new Promise((resolve, reject) => {
      this.#clients[this.#calls++ % this.#clients.length]!.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        (failure, answer) => failure === null ? resolve(answer) : reject(failure),
      );
    });
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}
