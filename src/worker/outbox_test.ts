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
