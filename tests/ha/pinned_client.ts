/**
 * A client that asks one master and no other, whatever that one answers.
 *
 * @module
 */

import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { MasterService, methodPath } from "../../src/rpc/mod.ts";
import type { MasterNode } from "./cluster.ts";
import type { History } from "./history.ts";
import { pause } from "./wait.ts";

export class PinnedClient {
  readonly #client: Client;

  /** Calls `master` where it listens, past the network. */
  constructor(master: Pick<MasterNode, "directAddress">) {
    this.#client = new Client(master.directAddress, credentials.createInsecure());
  }

  /** @throws the `ServiceError` that came back, or that nothing did in time */
  call<Input extends DescMessage, Output extends DescMessage>(
    { input, output, ...method }: DescMethodUnary<Input, Output>,
    request: MessageInitShape<Input>,
    deadlineMs = 10_000,
  ): Promise<MessageShape<Output>> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        methodPath({ input, output, ...method }),
        () => Buffer.from(toBinary(input, create(input, request))),
        (bytes) => fromBinary(output, bytes),
        {},
        { deadline: Date.now() + deadlineMs },
        (failure: ServiceError | null, answer?: MessageShape<Output>) =>
          failure === null && answer !== undefined ? resolve(answer) : reject(failure),
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

const READ_DEADLINE_MS = 500;
const READ_PAUSE_MS = 40;

/** Reads from one master again and again: it may have been deposed and not know it yet. */
export class PinnedReader {
  /** Reads that were answered, and those that were refused or not answered in time. */
  answered = 0;
  refused = 0;
  readonly #client: PinnedClient;
  readonly #history: History;
  readonly #name: string;
  #isRunning = true;
  readonly #work: Promise<void>;

  constructor(master: MasterNode, history: History) {
    this.#client = new PinnedClient(master);
    this.#history = history;
    this.#name = `a client of ${master.name}`;
    this.#work = this.#read();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#work;
    this.#client.close();
  }

  async #read(): Promise<void> {
    const { listJobs } = MasterService.method;
    while (this.#isRunning) {
      const startedMs = performance.now();
      try {
        const { total } = await this.#client.call(listJobs, { limit: 1 }, READ_DEADLINE_MS);
        const endedMs = performance.now();
        this.#history.reads.push({ kind: "count", startedMs, endedMs, by: this.#name, total });
        this.answered++;
      } catch (failure) {
        if (!(failure instanceof Error && "code" in failure)) throw failure;
        this.refused++;
      }
      await pause(READ_PAUSE_MS);
    }
  }
}
