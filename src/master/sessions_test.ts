import assert from "node:assert/strict";
import type { JobView, WorkerLink, WorkerOrders } from "../rpc/mod.ts";
import { Refusal } from "../rpc/mod.ts";
import { Sessions } from "./sessions.ts";

class FakeLink implements WorkerLink {
  readonly sent: WorkerOrders[] = [];
  closedBy: Refusal | undefined | "open" = "open";

  send(orders: WorkerOrders): boolean {
    this.sent.push(orders);
    return true;
  }

  close(failure?: Refusal): void {
    this.closedBy = failure;
  }
}

function job(id: string, fencingToken = 1): JobView {
  return { id, fencingToken } as JobView;
}

function sessionsWith(dialled: FakeLink[] = []): Sessions {
  return new Sessions(() => {
    const link = new FakeLink();
    dialled.push(link);
    return link;
  });
}

Deno.test("orders go down the stream of a worker that holds one", () => {
  const sessions = sessionsWith();
  const link = new FakeLink();
  sessions.open("w", "s", { kind: "stream", link }, 0);
  assert.ok(sessions.assign("w", [job("j")]));
  sessions.cancel("w", { jobId: "j", token: 1, reason: "user_cancelled" });
  assert.deepEqual(link.sent, [
    { assignments: [job("j")] },
    { cancellations: [{ jobId: "j", token: 1, reason: "user_cancelled" }] },
  ]);
});

Deno.test("a worker whose stream broke is not reached, nor is a stranger", () => {
  const sessions = sessionsWith();
  sessions.open("w", "s", { kind: "stream" }, 0);
  assert.ok(!sessions.assign("w", [job("j")]));
  assert.ok(!sessions.assign("nobody", [job("j")]));
  assert.equal(sessions.roomOf("w", "s"), undefined);
});

Deno.test("a worker of the unary road finds its orders, and is woken when it waits for them", () => {
  const sessions = sessionsWith();
  const session = sessions.open("w", "s", { kind: "mailbox" }, 0);
  let woken = 0;
  session.wake = () => woken++;
  assert.ok(sessions.assign("w", [job("j")]));
  assert.equal(woken, 1);
  assert.deepEqual(session.mailbox.assignments, [job("j")]);
});

Deno.test("a worker that is doubted has no room until it is heard of, but one that comes for its orders has", () => {
  const sessions = sessionsWith();
  const session = sessions.open("w", "s", { kind: "stream", link: new FakeLink() }, 0);
  sessions.doubt("w");
  assert.equal(sessions.roomOf("w", "s"), 0);
  assert.ok(sessions.heard(session, 7), "it gets jobs again");
  assert.equal(sessions.roomOf("w", "s"), Infinity);
  assert.equal(session.lastHeardMs, 7);
  assert.ok(!sessions.heard(session, 8));
  sessions.open("collects", "s", { kind: "mailbox" }, 0);
  sessions.doubt("collects");
  assert.equal(sessions.roomOf("collects", "s"), Infinity);
});

Deno.test("a job that is cancelled before it was collected is never handed out", () => {
  const sessions = sessionsWith();
  const { mailbox } = sessions.open("w", "s", { kind: "mailbox" }, 0);
  sessions.assign("w", [job("a"), job("b", 7)]);
  sessions.cancel("w", { jobId: "b", token: 7, reason: "user_cancelled" });
  assert.deepEqual(mailbox.assignments, [job("a")]);
  assert.deepEqual(mailbox.cancellations, [], "there is nothing to stop");
  const old = { jobId: "a", token: 0, reason: "reassigned" } as const;
  sessions.cancel("w", old);
  assert.deepEqual(mailbox.assignments, [job("a")], "another attempt was meant");
  assert.deepEqual(mailbox.cancellations, [old]);
});

Deno.test("a worker that waits to be called is dialled, and its road closed with its session", () => {
  const dialled: FakeLink[] = [];
  const sessions = sessionsWith(dialled);
  sessions.open("w", "s", { kind: "push", address: "h:1" }, 0);
  assert.ok(sessions.assign("w", [job("j")]));
  assert.equal(dialled[0]!.sent.length, 1);
  sessions.end("w", "s");
  assert.equal(dialled[0]!.closedBy, undefined);
  assert.equal(sessions.get("w"), undefined);
});

Deno.test("a new session takes the place of the old one, whose end is no business of the new one", () => {
  const sessions = sessionsWith();
  const [old, present] = [new FakeLink(), new FakeLink()];
  const before = sessions.open("w", "s1", { kind: "stream", link: old }, 0);
  let woken = 0;
  before.wake = () => woken++;
  sessions.open("w", "s2", { kind: "stream", link: present }, 5);
  assert.notEqual(old.closedBy, "open");
  assert.equal(woken, 1, "a heartbeat of the old session still waits");
  sessions.end("w", "s1");
  assert.equal(sessions.get("w")?.sessionId, "s2");
  assert.equal(present.closedBy, "open");
  assert.equal(sessions.roomOf("w", "s1"), undefined);
  assert.equal(sessions.roomOf("w", "s2"), Number.POSITIVE_INFINITY);
});

Deno.test("a leader that is deposed sends every worker away with the reason", () => {
  const sessions = sessionsWith();
  const link = new FakeLink();
  sessions.open("w1", "s", { kind: "stream", link }, 0);
  const waiting = sessions.open("w2", "s", { kind: "mailbox" }, 0);
  let woken = 0;
  waiting.wake = () => woken++;
  const reason = new Refusal("not_leader", "another one leads");
  sessions.closeAll(reason);
  assert.equal(link.closedBy, reason);
  assert.equal(woken, 1);
  assert.deepEqual([...sessions.all()], []);
});
