/**
 * A master's directory that holds many jobs already, made without a master: through the replicated
 * state and its store alone, so that a million jobs take a minute. Then it is made the beginning of a
 * cluster, as `conductor restore` does.
 *
 * @module
 */

import { join } from "node:path";
import { JobMachine, type LogPosition } from "../../src/jobs/mod.ts";
import { formatMemberAddress, type MemberAddress } from "../../src/master/member_address.ts";
import { refound } from "../../src/master/refound.ts";
import { plan } from "../../src/scheduler/mod.ts";
import { createDataDirectory, SqliteJobStore } from "../../src/storage/mod.ts";

/** What the state is to hold. */
export interface Filling {
  /** Completed, of type `noop`, as one worker runs them. */
  readonly finished: number;
  /** Of a type that nobody offers. */
  readonly pending: number;
  readonly pendingType: string;
  readonly payload: Uint8Array;
}

/** Whose directory it is. */
export interface FilledMember {
  readonly name: string;
  readonly directory: string;
  readonly address: MemberAddress;
}

const BATCH = 500;
const SUBMITTER = "anonymous";
const WORKER = "filler";

/** Makes a master's directory of it. Ids and keys are what the client library draws. */
export function fillDirectory(member: FilledMember, filling: Filling): void {
  const { name, directory, address } = member;
  createDataDirectory(directory);
  const store = SqliteJobStore.open(directory);
  const machine = new JobMachine(store);
  const state = new FilledState(machine, filling.payload);
  state.submit(filling.pendingType, filling.pending);
  state.complete("noop", filling.finished);
  machine.checkpoint();
  store.close();
  refound({
    dataDir: directory,
    raftDir: join(directory, "raft"),
    clusterId: crypto.randomUUID(),
    member: {
      id: name,
      address: formatMemberAddress(address),
      incarnation: crypto.randomUUID(),
    },
    term: 1,
  });
}

class FilledState {
  readonly #machine: JobMachine;
  readonly #payload: Uint8Array;
  readonly #beganMs = Date.now();
  #index = 0;
  #jobs = 0;

  constructor(machine: JobMachine, payload: Uint8Array) {
    this.#machine = machine;
    this.#payload = payload;
  }

  submit(type: string, count: number): void {
    for (let done = 0; done < count; done += BATCH) {
      this.#submitBatch(type, Math.min(BATCH, count - done));
      this.#flush();
    }
  }

  complete(type: string, count: number): void {
    const sessionId = crypto.randomUUID();
    this.#machine.apply({
      kind: "register_worker",
      atMs: this.#nowMs,
      worker: {
        ...{ id: WORKER, sessionId, address: "", slots: BATCH, jobTypes: [type], tags: {} },
        version: "",
      },
    }, this.#position());
    for (let done = 0; done < count; done += BATCH) {
      this.#submitBatch(type, Math.min(BATCH, count - done));
      this.#runPending();
      this.#flush();
    }
  }

  /** Time goes on with the jobs: a tenth of a millisecond for each. */
  get #nowMs(): number {
    return this.#beganMs - 600_000 + Math.floor(this.#jobs / 10);
  }

  #position(): LogPosition {
    return { index: ++this.#index, term: 1 };
  }

  #flush(): void {
    this.#machine.drainEvents();
    this.#machine.flush();
  }

  #submitBatch(type: string, count: number): void {
    const atMs = this.#nowMs;
    const jobs = Array.from({ length: count }, () => {
      const number = (++this.#jobs).toString(16).padStart(12, "0");
      const atHex = atMs.toString(16).padStart(12, "0");
      const id = `${atHex.slice(0, 8)}-${atHex.slice(8)}-7000-8000-${number}`;
      return {
        ...{ id, type, payload: this.#payload, priority: 5 },
        ...{ maxRetries: 3, timeoutMs: 300_000, retryDelayMs: 1_000, submittedBy: SUBMITTER },
        idempotencyKey: crypto.randomUUID(),
        fingerprint: "3c6e0b8a9c15224a8228b9a98ca1531d",
      };
    });
    this.#machine.apply({ kind: "submit", atMs, jobs }, this.#position());
  }

  #runPending(): void {
    for (;;) {
      const assignments = plan(
        this.#machine.view(),
        { policy: "least-loaded", random: () => 0 },
        { assignmentsMax: BATCH },
      );
      if (assignments.length === 0) return;
      const assigned = this.#machine.apply(
        { kind: "assign", atMs: this.#nowMs, assignments },
        this.#position(),
      );
      const reports = assigned.results.map((each) => {
        if (each.status !== "assigned") throw new Error(each.message);
        const { jobId, token, workerId } = each;
        return {
          ...{ kind: "completed" as const, jobId, token, workerId, durationMs: 1 },
          ...{ output: new Uint8Array(0), contentType: "" },
        };
      });
      this.#machine.apply({ kind: "report", atMs: this.#nowMs, reports }, this.#position());
    }
  }
}
