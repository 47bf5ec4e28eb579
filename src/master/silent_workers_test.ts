import assert from "node:assert/strict";
import { type Session, Sessions } from "./sessions.ts";
import { expireSilent } from "./silent_workers.ts";

/** Workers that were last heard of at 0, a lease of 10 ms, and ends of leases that come when they are let. */
function scene(workers: number) {
  const sessions = new Sessions(() => {
    throw new Error("no worker is dialled here");
  });
  for (let at = 0; at < workers; at++) sessions.open(`w${at}`, "s", { kind: "mailbox" }, 0);
  const asked: string[] = [];
  const held: (() => void)[] = [];
  const ending = expireSilent([...sessions.all()], {
    sessions,
    isSilent: ({ lastHeardMs }) => 11 - lastHeardMs > 10,
    expire: ({ workerId, sessionId }: Session) => {
      asked.push(workerId);
      return new Promise((resolve) =>
        held.push(() => {
          sessions.end(workerId, sessionId);
          resolve();
        })
      );
    },
  });
  const release = async () => {
    for (const each of held.splice(0)) each();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { sessions, asked, ending, release };
}

Deno.test("the leases of many silent workers end together, each once", async () => {
  const { sessions, asked, ending, release } = scene(250);
  assert.equal(asked.length, 100, "many are on their way, and not all");
  while ([...sessions.all()].length > 0) await release();
  await ending;
  assert.equal(asked.length, 250);
  assert.equal(new Set(asked).size, 250);
});

Deno.test("a worker that is heard of, or begins another session, while others' leases end keeps its own", async () => {
  const { sessions, asked, ending, release } = scene(102);
  sessions.get("w100")!.lastHeardMs = 11;
  sessions.open("w101", "s2", { kind: "mailbox" }, 11);
  await release();
  await ending;
  assert.deepEqual(asked.length, 100);
  assert.deepEqual([...sessions.all()].map(({ workerId }) => workerId), ["w100", "w101"]);
});
