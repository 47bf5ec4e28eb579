import assert from "node:assert/strict";
import type { AttemptProgressView, JobEventView } from "../rpc/mod.ts";
import { JobWatchers, Watcher } from "./watchers.ts";

const NEVER = new AbortController().signal;

function news(changes: Partial<AttemptProgressView>): AttemptProgressView {
  return { jobId: "j", token: 1, fraction: 0, message: "", logLines: [], ...changes };
}

function log(line: string): JobEventView {
  return { kind: "log", atMs: 0, lines: [line] };
}

Deno.test("a watcher gets its events in order, those that came before it asked too", async () => {
  const watchers = new JobWatchers();
  const watcher = watchers.add("j");
  watchers.tell("j", log("a"));
  watchers.tell("another", log("not for it"));
  watchers.tell("j", log("b"));
  assert.deepEqual(await watcher.next(NEVER), log("a"));
  assert.deepEqual(await watcher.next(NEVER), log("b"));
  const next = watcher.next(NEVER);
  watchers.tell("j", log("c"));
  assert.deepEqual(await next, log("c"));
});

Deno.test("who stops waiting hears the own reason, and no event is lost to it", async () => {
  const watcher = new Watcher();
  const gone = new AbortController();
  const waiting = watcher.next(gone.signal);
  gone.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  watcher.push(log("after"));
  assert.deepEqual(await watcher.next(NEVER), log("after"));
  assert.throws(() => watcher.next(gone.signal), /gone/);
});

Deno.test("a slow watcher loses log lines and progress, and no state", async () => {
  const watcher = new Watcher();
  for (let n = 0; n < 1_000; n++) watcher.push(log(String(n)));
  const state = { kind: "state", atMs: 1, job: { id: "j" } } as JobEventView;
  watcher.push(state);
  const kept: JobEventView[] = [];
  do kept.push(await watcher.next(NEVER)); while (kept.at(-1)!.kind !== "state");
  assert.equal(kept.length, 257);
  assert.deepEqual(kept[255], log("255"), "the oldest ones are kept: they come first");
});

Deno.test("progress is told when it changed, log lines whenever they come", async () => {
  const watchers = new JobWatchers();
  const watcher = watchers.add("j");
  watchers.take(news({ fraction: 0.5, message: "half" }), 10);
  watchers.take(news({ fraction: 0.5, message: "half", logLines: ["line"] }), 20);
  assert.deepEqual(await watcher.next(NEVER), {
    kind: "progress",
    atMs: 10,
    fraction: 0.5,
    message: "half",
  });
  assert.deepEqual(await watcher.next(NEVER), { kind: "log", atMs: 20, lines: ["line"] });
});

Deno.test("what an attempt said is not shown of the next one, and is forgotten with its end", () => {
  const watchers = new JobWatchers();
  watchers.take(news({ fraction: 0.9, logLines: ["first attempt"] }), 0);
  assert.equal(watchers.progressOf("j", 2), undefined);
  watchers.take(news({ token: 2, fraction: 0.1, logLines: ["second"] }), 0);
  assert.deepEqual(watchers.progressOf("j", 2)!.logTail, ["second"]);
  assert.equal(watchers.progressOf("j", 1), undefined);
  watchers.forget("j");
  assert.equal(watchers.progressOf("j", 2), undefined);
});

Deno.test("only the latest 200 lines of an attempt are kept", () => {
  const watchers = new JobWatchers();
  for (let n = 0; n < 300; n++) watchers.take(news({ logLines: [String(n)] }), 0);
  const { logTail } = watchers.progressOf("j", 1)!;
  assert.deepEqual([logTail.length, logTail[0], logTail.at(-1)], [200, "100", "299"]);
});

Deno.test("a job is watched as long as one of its watchers stays", () => {
  const watchers = new JobWatchers();
  const [first, second] = [watchers.add("j"), watchers.add("j")];
  watchers.remove("j", first);
  assert.ok(watchers.has("j"));
  watchers.remove("j", second);
  assert.ok(!watchers.has("j"));
});
