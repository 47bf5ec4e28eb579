/** Clients that append and read, one operation at a time, and retry until they have an answer. */

import { ProposalRefused, ReadRefused } from "../../src/raft/mod.ts";
import type { Operation } from "./linearizability.ts";
import type { Random } from "./random.ts";
import { encodeProposal } from "./simulated_machine.ts";
import type { SimulatedNode } from "./simulated_node.ts";
import type { World } from "./world.ts";

/** What clients share. */
export interface ClientSurroundings {
  readonly world: World;
  readonly nodes: ReadonlyMap<string, SimulatedNode>;
  readonly operations: Operation[];
  /** Names of the lists. */
  readonly keys: readonly string[];
  /** Time between two operations of a client, in ms at most. */
  readonly thinkMsMax: number;
  /** Until when nobody begins anything. */
  readonly quietUntilMs: () => number;
}

/** Without an answer for this long, a client tries another node; in ms. */
const PATIENCE_MS = 400;

/** See the module's text. */
export class SimulatedClient {
  readonly id: string;
  readonly #around: ClientSurroundings;
  readonly #random: Random;
  #sequence = 0;
  #stopped = false;
  /** The node that answered last, or was named as leader. */
  #favourite: string | undefined;
  #attempt = 0;
  busy = false;

  constructor(id: string, around: ClientSurroundings) {
    this.id = id;
    this.#around = around;
    this.#random = around.world.random.fork();
    this.#think();
  }

  /** Begins nothing new. */
  stop(): void {
    this.#stopped = true;
  }

  #think(): void {
    this.#around.world.after(this.#random.next() * this.#around.thinkMsMax, () => this.#begin());
  }

  #begin(): void {
    if (this.#stopped) return;
    if (this.#around.world.nowMs < this.#around.quietUntilMs()) return this.#think();
    this.busy = true;
    const { world, operations, keys } = this.#around;
    const kind = this.#random.chance(0.6) ? "append" : "read";
    const sequence = kind === "append" ? ++this.#sequence : this.#sequence;
    const operation: Operation = {
      client: this.id,
      kind,
      key: this.#random.pick(keys),
      value: `${this.id}.${sequence}`,
      invokedAtMs: world.nowMs,
      returnedAtMs: Infinity,
      seen: [],
      position: 0,
    };
    operations.push(operation);
    this.#try(operation, sequence);
  }

  #try(operation: Operation, sequence: number): void {
    const attempt = ++this.#attempt;
    const { world, nodes } = this.#around;
    const ids = [...nodes.keys()];
    const target = this.#favourite !== undefined && this.#random.chance(0.7)
      ? this.#favourite
      : this.#random.pick(ids);
    const node = nodes.get(target);
    const current = () => attempt === this.#attempt && operation.returnedAtMs === Infinity;
    const retry = (delayMs: number) => {
      if (!current()) return;
      this.#attempt++;
      world.after(delayMs, () => this.#try(operation, sequence));
    };
    world.after(this.#delayMs(), () => {
      const reached = node?.call((raft, machine) => {
        const refused = (error: unknown) => {
          if (!(error instanceof ProposalRefused || error instanceof ReadRefused)) throw error;
          this.#favourite = error.leaderId;
          world.after(this.#delayMs(), () => retry(10 + this.#random.below(40)));
        };
        const answered = (settle: () => void) => {
          world.after(this.#delayMs(), () => {
            if (!current()) return;
            settle();
            this.#favourite = target;
            this.#done(operation);
          });
        };
        if (operation.kind === "append") {
          const { key, value } = operation;
          const data = encodeProposal({ kind: "append", client: this.id, sequence, key, value });
          raft.propose(data).then((outcome) => {
            answered(() => operation.position = "position" in outcome ? outcome.position : 0);
          }, refused);
        } else {
          raft.readIndex().then(() => {
            // Read at once: what the node holds now is at least what the index promised.
            const seen = [...machine.list(operation.key)];
            answered(() => operation.seen = seen);
          }, refused);
        }
      });
      if (reached !== true) {
        this.#favourite = undefined;
        retry(20);
      }
    });
    world.after(PATIENCE_MS * (0.5 + this.#random.next()), () => {
      this.#favourite = current() ? undefined : this.#favourite;
      retry(0);
    });
  }

  #done(operation: Operation): void {
    operation.returnedAtMs = this.#around.world.nowMs;
    const { kind, value, position, seen } = operation;
    this.#around.world.trace(
      kind === "append" ? `${value} is at ${position}` : `${this.id} read ${seen.length}`,
    );
    this.busy = false;
    if (!this.#stopped) this.#think();
  }

  #delayMs(): number {
    return 0.2 + this.#random.next() * 2;
  }
}
