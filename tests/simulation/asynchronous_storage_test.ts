/** The core with slow disks: writes are done late, one after another, or lost with their process. */

import assert from "node:assert/strict";
import type { Entry, OutgoingMessage } from "../../src/raft/mod.ts";
import { AsynchronousNode } from "./asynchronous_node.ts";
import { Random } from "./random.ts";

const IDS = ["n1", "n2", "n3"];
const STEPS = 4000;
const FRESH = Date.now() % 1_000_000_007;

/** Three nodes, messages that come in any order or not at all, and a few promises to watch. */
class Swarm {
  readonly #random: Random;
  readonly #nodes: readonly AsynchronousNode[];
  readonly #committed = new Map<number, number>();
  readonly #leaders = new Map<number, string>();
  #messages: OutgoingMessage[] = [];
  #proposed = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    const voters = IDS.map((id) => ({ id, address: id, incarnation: "" }));
    this.#nodes = IDS.map((id) =>
      new AsynchronousNode(
        id,
        voters,
        () => this.#random.next(),
        (entries) => this.#applied(entries),
      )
    );
  }

  get committed(): number {
    return this.#committed.size;
  }

  trouble(): void {
    const node = this.#random.pick(this.#nodes);
    const deed = this.#random.next();
    if (deed < 0.25) node.core.tick();
    else if (deed < 0.65) this.#deliver(this.#random.below(this.#messages.length));
    else if (deed < 0.85) this.#messages.push(...node.completeWrite());
    else if (deed < 0.992) this.#propose(node);
    else node.crash();
    this.#settle(node);
    if (this.#messages.length > 200) this.#messages.splice(0, 50);
  }

  /** All that is written and sent arrives, in order; all must agree soon. */
  heal(): void {
    for (let round = 0; round < 400; round++) {
      for (const node of this.#nodes) {
        node.core.tick();
        this.#settle(node);
        while (node.writesPending > 0) {
          this.#messages.push(...node.completeWrite());
          this.#settle(node);
        }
      }
      while (this.#messages.length > 0) this.#deliver(0);
    }
    const [first, ...others] = this.#nodes.map(({ disk }) =>
      Array.from({ length: disk.lastIndex }, (_, at) => disk.term(at + 1))
    );
    for (const other of others) assert.deepEqual(other, first);
    assert.equal(this.#nodes.filter(({ core }) => core.view.role.kind === "leader").length, 1);
  }

  #propose(node: AsynchronousNode): void {
    node.core.propose(new TextEncoder().encode(`${++this.#proposed}`));
  }

  #deliver(at: number): void {
    const message = this.#messages[at];
    if (message === undefined) return;
    if (!this.#random.chance(0.1)) this.#messages.splice(at, 1);
    const to = this.#nodes.find(({ id }) => id === message.to);
    if (to === undefined || this.#random.chance(0.05)) return;
    to.step(message);
    this.#settle(to);
  }

  #settle(node: AsynchronousNode): void {
    this.#messages.push(...node.work());
    const { role, term } = node.core.view;
    if (role.kind !== "leader") return;
    assert.equal(this.#leaders.get(term) ?? node.id, node.id, `two lead term ${term}`);
    this.#leaders.set(term, node.id);
  }

  #applied(entries: readonly Entry[]): void {
    for (const { index, term } of entries) {
      assert.equal(this.#committed.get(index) ?? term, term, `entry ${index} is not the same`);
      if (this.#committed.has(index)) continue;
      this.#committed.set(index, term);
      const holders = this.#nodes.filter(({ disk }) =>
        index <= disk.lastIndex && disk.term(index) === term
      );
      assert.ok(holders.length >= 2, `entry ${index} is on ${holders.length} disks only`);
    }
  }
}

Deno.test("with writes that are done late or lost, what is committed is on a majority of disks", () => {
  let committed = 0;
  for (let at = 0; at < 60; at++) {
    const seed = FRESH + at;
    try {
      const swarm = new Swarm(seed);
      for (let step = 0; step < STEPS; step++) swarm.trouble();
      swarm.heal();
      committed += swarm.committed;
    } catch (error) {
      throw new Error(`with seed ${seed}`, { cause: error });
    }
  }
  assert.ok(committed > 60 * 20, `only ${committed} entries were committed`);
});
