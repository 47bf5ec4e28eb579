import assert from "node:assert/strict";
import { Refusal } from "../rpc/mod.ts";
import { type Destination, Router } from "./leader_router.ts";

const at = (nodeId: string): Destination => ({
  kind: "at",
  nodeId,
  raftAddress: `${nodeId}:7000`,
  grpcAddress: `${nodeId}:9000`,
});
const never = new AbortController().signal;
const soon = () => Date.now() + 60_000;

Deno.test("calls wait for a leader, and all go on when there is one", async () => {
  const router = new Router();
  const waiting = [1, 2, 3].map(() => router.next(soon(), never));
  assert.equal(router.waiting, 3);
  router.turn(at("b"));
  for (const route of await Promise.all(waiting)) assert.equal(route, router.current);
  assert.equal(router.waiting, 0);
  assert.equal(await router.next(soon(), never), router.current, "who comes later does not wait");
});

Deno.test("a call that waited for its whole time is told that nobody leads", async () => {
  const router = new Router();
  await assert.rejects(router.next(Date.now() + 5, never), {
    reason: "unavailable",
    message: /no master leads/,
  });
  assert.equal(router.waiting, 0);
});

Deno.test("what keeps a master from leading is told, and soon, unless another one comes to lead", async () => {
  const hindrances: string[] = [];
  const router = new Router(() => hindrances[0]);
  const early = router.next(Date.now() + 5, never);
  hindrances.push("the disk of m1 is full");
  const told = {
    reason: "unavailable",
    message: "no master leads at this moment, and the disk of m1 is full",
  };
  await assert.rejects(early, told);
  await assert.rejects(router.next(soon(), never), told, "it does not wait for a minute");
  const later = router.next(soon(), never);
  router.turn(at("b"));
  assert.equal(await later, router.current);
});

Deno.test("while a master is cut off nobody waits there, neither who did before nor who comes", async () => {
  const router = new Router();
  const waiting = router.next(soon(), never);
  router.setCutOff(true);
  const told = { reason: "unavailable", message: /ask another member/ };
  await assert.rejects(waiting, told);
  await assert.rejects(router.next(soon(), never), told);
  router.setCutOff(false);
  const later = router.next(soon(), never);
  router.turn(at("b"));
  assert.equal(await later, router.current);
});

Deno.test("a caller that hangs up waits no more", async () => {
  const router = new Router();
  const caller = new AbortController();
  const waiting = router.next(soon(), caller.signal);
  caller.abort(new Refusal("cancelled", "the caller hung up"));
  await assert.rejects(waiting, { reason: "cancelled" });
  assert.equal(router.waiting, 0);
});

Deno.test("a route ends when another takes its place, and not when it is told again", () => {
  const router = new Router();
  router.turn(at("b"));
  const first = router.current!;
  router.turn(at("b"));
  assert.equal(router.current, first);
  assert.equal(first.ended.aborted, false);
  router.turn({ kind: "here" });
  assert.equal(first.ended.aborted, true);
  router.turn(undefined);
  assert.equal(router.current, undefined);
});

Deno.test("no more calls wait than the bound, and those beyond are told to come back", async () => {
  const router = new Router();
  const callers = Array.from({ length: 10_000 }, () => new AbortController());
  const waiting = callers.map((caller) => router.next(soon(), caller.signal));
  await assert.rejects(router.next(soon(), never), { reason: "overloaded", retryAfterMs: 200 });
  for (const caller of callers) caller.abort(new Refusal("cancelled", "enough"));
  await Promise.allSettled(waiting);
  assert.equal(router.waiting, 0);
});

Deno.test("a master that stops lets nobody wait", async () => {
  const router = new Router();
  const waiting = router.next(soon(), never);
  router.stop();
  await assert.rejects(waiting, { reason: "unavailable", message: /shutting down/ });
  await assert.rejects(router.next(soon(), never), { message: /shutting down/ });
});
