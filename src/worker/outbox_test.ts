import assert from "node:assert/strict";
import { Outbox } from "./outbox.ts";

const started = { jobId: "j", token: 1, kind: "started" } as const;
const released = { jobId: "j", token: 1, kind: "released", reason: "r" } as const;
const ack = { jobId: "j", token: 1, accepted: true, message: "" };

Deno.test("an attempt's end takes the place of its unsent start", () => {
  const outbox = new Outbox();
  outbox.report(started);
  outbox.report(released);
  assert.deepEqual(outbox.take(), [released]);
});

Deno.test("the word on a start that was sent does not settle the attempt's end", () => {
  const outbox = new Outbox();
  outbox.report(started);
  outbox.take();
  outbox.report(released);
  outbox.take();
  outbox.acknowledge([ack]);
  assert.equal(outbox.isSettled, false);
  outbox.acknowledge([ack]);
  assert.equal(outbox.isSettled, true);
});

Deno.test("a new session is sent every end that was not acknowledged", () => {
  const outbox = new Outbox(undefined, () => 0);
  outbox.report(started);
  outbox.take();
  outbox.report(released);
  outbox.take();
  outbox.sendAgain();
  assert.deepEqual(outbox.take(), [released]);
  outbox.acknowledge([ack]);
  assert.equal(outbox.isSettled, true);
});

Deno.test("the word on a number settles the ends that were sent under it, and those alone", () => {
  const outbox = new Outbox();
  outbox.report(started);
  const first = outbox.takeNumbered();
  assert.deepEqual(first.reports, [started]);
  outbox.report(released);
  const second = outbox.takeNumbered();
  outbox.report({ ...released, jobId: "k" });
  const third = outbox.takeNumbered();
  assert.deepEqual(outbox.takeNumbered(), { reports: [] });
  outbox.acknowledge([], [first.number!, third.number!]);
  assert.deepEqual(outbox.unacknowledged, [released]);
  outbox.acknowledge([], [second.number!]);
  assert.equal(outbox.isSettled, true);
});

Deno.test("an end that was sent again is settled by the word on either number", () => {
  const outbox = new Outbox(undefined, () => 0);
  outbox.report(released);
  const first = outbox.takeNumbered();
  assert.equal(outbox.sendAgainAfter(0), true);
  outbox.takeNumbered();
  outbox.acknowledge([], [first.number!]);
  assert.equal(outbox.isSettled, true);
});

Deno.test("a number of an old session says nothing on a new one", () => {
  const outbox = new Outbox(undefined, () => 0);
  outbox.report(released);
  const old = outbox.takeNumbered();
  outbox.sendAgain();
  const again = outbox.takeNumbered();
  assert.deepEqual(again.reports, [released]);
  assert.notEqual(again.number, old.number);
  outbox.acknowledge([], [old.number!]);
  assert.equal(outbox.isSettled, false);
  outbox.acknowledge([], [again.number!]);
  assert.equal(outbox.isSettled, true);
});

Deno.test("what gathered is taken in parts that one message may have, each under its own number", () => {
  const outbox = new Outbox();
  const finished = (jobId: string, bytes: number, characters = 0) => ({
    ...{ jobId, token: 1, kind: "finished", success: true, contentType: "" } as const,
    ...{ permanent: false, timedOut: false, durationMs: 1, logLinesCut: 0 },
    output: new Uint8Array(bytes),
    error: "",
    logTail: ["x".repeat(characters)],
  });
  const MEBIBYTE = 1024 * 1024;
  outbox.report(finished("a", MEBIBYTE / 2));
  outbox.report(finished("b", MEBIBYTE / 3));
  outbox.report(finished("c", MEBIBYTE / 3));
  outbox.report(finished("d", 3 * MEBIBYTE));
  outbox.report(finished("e", 0, MEBIBYTE / 3));
  outbox.report(finished("f", 1_000));
  const groups: string[][] = [];
  const numbers: number[] = [];
  while (outbox.hasUnsent) {
    const { reports, number } = outbox.takeNumbered();
    groups.push(reports.map(({ jobId }) => jobId));
    numbers.push(number!);
  }
  assert.deepEqual(groups, [["a", "b"], ["c"], ["d"], ["e"], ["f"]]);
  outbox.acknowledge([], numbers.slice(0, 1));
  assert.deepEqual(outbox.unacknowledged.map(({ jobId }) => jobId), ["c", "d", "e", "f"]);
  outbox.sendAgain();
  assert.deepEqual(outbox.take().map(({ jobId }) => jobId), ["c"]);
  assert.ok(outbox.hasUnsent);
});
