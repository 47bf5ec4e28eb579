import assert from "node:assert/strict";
import type { SubmitSpec } from "../jobs/mod.ts";
import type { Entry, LogReader } from "../raft/mod.ts";
import { discardLogger } from "../observability/mod.ts";
import { decodeCommand, ENTRY_FORMATS } from "../storage/mod.ts";
import type { MasterContext } from "./context.ts";
import { SettledFormat } from "./entry_format.ts";
import { MemberDuties } from "./member_duties.ts";
import { membersView } from "./members.ts";
import { Proposer, type ProposerOptions } from "./proposer.ts";

/** The leader of three, from what its peers say to the bytes of its entries. */
class Leader {
  term = 5;
  /** By member: the highest format that it says it reads; it may have said nothing. */
  readonly announced = new Map<string, number>();
  readonly #entries: Entry[] = [];
  readonly #settled: SettledFormat;
  readonly #context: MasterContext;
  readonly #proposer: Proposer;
  #duties: MemberDuties;
  leads = true;

  constructor() {
    this.#settled = new SettledFormat(this.#log());
    const node = { status: () => this.#status(), leaderId: "a" };
    const members = () => {
      const view = membersView({
        status: this.#status() as never,
        factsOf: (id) => {
          const entryFormat = this.announced.get(id);
          return entryFormat === undefined ? undefined : { entryFormat, version: "" } as never;
        },
        ...{ version: "1", tickMs: 100, memberTimeoutMs: 1_000 },
      });
      return { ...view, entryFormat: this.#settled.settle(view.term, view.entryFormat) };
    };
    this.#context = {
      ...{
        node,
        members,
        log: discardLogger,
        facts: { nodeId: "a" },
        peers: { get: () => undefined },
      },
    } as unknown as MasterContext;
    this.#duties = this.#newDuties();
    this.#proposer = new Proposer({
      node: {
        propose: (data: Uint8Array) => {
          this.#entries.push({
            ...{ index: this.#entries.length + 1, term: this.term, kind: "command" },
            data,
          });
          return Promise.resolve({ kind: "submit", results: [] });
        },
      },
      ...{ now: () => 1, liveJobsMax: () => 10, clientJobsMax: 0, applyTimeoutMs: 1_000 },
      ...{ keyRetentionMs: 1, onSubmitted: () => () => {}, onProposed() {}, onForgotten() {} },
      entryFormat: () => this.leads ? this.#duties.entryFormat : undefined,
    } as unknown as ProposerOptions);
  }

  /** Submits two jobs; returns the format of their entry. */
  async writes(more: Partial<SubmitSpec> = {}): Promise<number> {
    const jobs = ["1", "2"].map((id): SubmitSpec => ({
      ...{ id, type: "t", payload: new Uint8Array(1), priority: 0 },
      ...{ maxRetries: 0, timeoutMs: 0, retryDelayMs: 0, ...more },
    }));
    await this.#proposer.submitMany(jobs, false);
    const { data } = this.#entries.at(-1)!;
    const command = decodeCommand(data);
    assert.deepEqual(command.kind === "submit" && command.jobs, jobs);
    return data[0]!;
  }

  says(id: string, entryFormat: number): void {
    this.announced.set(id, entryFormat);
    this.#duties.membershipChanged();
  }

  /** It dies, and nobody has said anything to the next one. */
  isSucceeded(): void {
    this.term++;
    this.announced.clear();
    this.#duties.stop();
    this.#duties = this.#newDuties();
  }

  stop(): void {
    this.#duties.stop();
    this.#proposer.stop();
  }

  #newDuties(): MemberDuties {
    return new MemberDuties(
      this.#context,
      { cleanup: false, afterMs: 0, votersMin: 1 },
      { raft: "a:7", grpc: "a:9" },
    );
  }

  #status() {
    const members = ["a", "b", "c"].map((id) => ({
      ...{ id, incarnation: `${id}1`, address: `${id}:7/${id}:9`, votes: true },
    }));
    return { id: "a", leaderId: "a", term: this.term, lastIndex: 0, members, peers: [] };
  }

  #log(): LogReader {
    const entries = this.#entries;
    return {
      boundary: { index: 0, term: 0, membership: { voters: [], learners: [] } },
      get lastIndex() {
        return entries.length;
      },
      term: () => this.term,
      entries: (from, through) => entries.slice(from - 1, through),
    };
  }
}

Deno.test("a leader writes the old format until the last member reads the new one, and goes on with that", async () => {
  const leader = new Leader();
  const { newest } = ENTRY_FORMATS;
  try {
    assert.equal(await leader.writes(), 1, "nobody has said anything");
    leader.says("b", 4);
    assert.equal(await leader.writes(), 1, "one has not");
    leader.says("c", 3);
    assert.equal(await leader.writes(), 3, "one reads less");
    leader.isSucceeded();
    assert.equal(await leader.writes(), 3, "they must read what is in the log");
    leader.says("b", 4);
    leader.says("c", 4);
    assert.equal(await leader.writes(), 4);
    leader.isSucceeded();
    assert.equal(await leader.writes(), 4, "the next leader finds it in its log");
    leader.says("b", newest + 1);
    leader.says("c", newest + 1);
    assert.equal(await leader.writes(), newest, "it does not know more");
  } finally {
    leader.stop();
  }
});

Deno.test("what only the new format says is refused for its leader's sake when that leads no more meanwhile", async () => {
  const leader = new Leader();
  const writes = () => leader.writes({ namespace: "n" });
  try {
    await assert.rejects(writes(), /upgrade the members/);
    leader.says("b", 5);
    leader.says("c", 5);
    await writes();
    leader.leads = false;
    await assert.rejects(writes(), { reason: "unavailable", message: /no master leads/ });
  } finally {
    leader.stop();
  }
});
