import assert from "node:assert/strict";
import { discardLogger, type Logger } from "../observability/mod.ts";
import type { RaftStatus } from "../raft/mod.ts";
import { LeaderlessWatch } from "./leaderless.ts";

const members = ["a", "b", "c"].map((id) => ({ id, votes: true }));
const leaderless = { id: "a", leaderId: undefined, members } as unknown as RaftStatus;
const led = { id: "a", leaderId: "b", members } as unknown as RaftStatus;

Deno.test("what can be done is said when no leader is found for long, until one is", async () => {
  const said = Promise.withResolvers<string>();
  const log = { ...discardLogger, warn: said.resolve } as unknown as Logger;
  const watch = new LeaderlessWatch(log, 1, () => false);
  watch.roleChanged(leaderless, () => leaderless);
  assert.match(await said.promise, /no leader is found: of 3 voters 2 are needed/);
  watch.roleChanged(led, () => led);
});

Deno.test("a master that was let in and hears of nobody says where the others look for it", async () => {
  const said = Promise.withResolvers<string>();
  const warn = (text: string, fields: unknown) => said.resolve(`${text} ${JSON.stringify(fields)}`);
  const log = { ...discardLogger, warn } as unknown as Logger;
  const watch = new LeaderlessWatch(log, 1, () => false);
  const empty = { ...leaderless, members: [] };
  watch.letIn("h9:7", () => empty);
  assert.match(await said.promise, /this master was let in, .*"raft_address":"h9:7"/);
  watch.stop();
});

Deno.test("a master whose disk is full, which hears of no leader, does not call the others lost", async () => {
  const asked = Promise.withResolvers<void>();
  let isFull = true;
  const said = Promise.withResolvers<boolean>();
  const log = { ...discardLogger, warn: () => said.resolve(isFull) } as unknown as Logger;
  const watch = new LeaderlessWatch(log, 1, () => {
    asked.resolve();
    return isFull;
  });
  watch.roleChanged(leaderless, () => leaderless);
  await asked.promise;
  isFull = false;
  assert.equal(await said.promise, false);
  watch.stop();
});

Deno.test({
  name: "a master that loses its leader while it stops is not kept from ending",
  sanitizeOps: true, // a timer that is left behind fails the test
  sanitizeResources: true,
  fn: () => {
    const watch = new LeaderlessWatch(discardLogger, 1_000, () => false);
    watch.roleChanged(leaderless, () => leaderless);
    watch.stop();
    watch.roleChanged(leaderless, () => leaderless);
  },
});
