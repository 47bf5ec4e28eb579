/**
 * A client that asks one master and no other, whatever that one answers: for a master that was
 * deposed and may not know it yet.
 *
 * @module
 */

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { MasterService, methodPath } from "../../src/rpc/mod.ts";
import type { MasterNode } from "./cluster.ts";
import type { History } from "./history.ts";
import { pause } from "./wait.ts";

const DEADLINE_MS = 500;
const PAUSE_MS = 20;

export class PinnedReader {
  /** Reads that were answered, and those that were refused or not answered in time. */
  answered = 0;
  refused = 0;
  readonly #client: Client;
  readonly #history: History;
  readonly #name: string;
  #isRunning = true;
  readonly #work: Promise<void>;

  /** Reads from `master`, past the network, until it is stopped. */
  constructor(master: MasterNode, history: History) {
    this.#client = new Client(master.directAddress, credentials.createInsecure());
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
    while (this.#isRunning) {
      const startedMs = performance.now();
      const total = await this.#count();
      if (total === undefined) this.refused++;
      else {
        this.answered++;
        const endedMs = performance.now();
        this.#history.reads.push({ kind: "count", startedMs, endedMs, by: this.#name, total });
      }
      await pause(PAUSE_MS);
    }
  }

  /** A linearizable count of jobs; undefined when it is refused or nobody answers. */
  #count(): Promise<number | undefined> {
    const { listJobs } = MasterService.method;
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        methodPath(listJobs),
        () => Buffer.from(toBinary(listJobs.input, create(listJobs.input, { limit: 1 }))),
        (bytes) => fromBinary(listJobs.output, bytes),
        {},
        { deadline: Date.now() + DEADLINE_MS },
        (failure: ServiceError | null, page) => resolve(failure === null ? page?.total : undefined),
      );
    });
  }
}
