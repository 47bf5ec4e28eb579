import assert from "node:assert/strict";
import type { AttemptProgressView, JobEventView } from "../rpc/mod.ts";
import { JobWatchers, Watcher } from "./watchers.ts";

const NEVER = new AbortController().signal;

function news(changes: Partial<AttemptProgressView>): AttemptProgressView {
  return { jobId: "j", token: 1, fraction: 0, message: "", logLines: [], firstLine: 0, ...changes };
}

function log(line: string): JobEventView {
  return { kind: "log", atMs: 0, lines: [line], firstLine: 1, attempt: 1 };
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
  watchers.take(news({ fraction: 0.5, message: "half" }), 1, 10);
  watchers.take(news({ fraction: 0.5, message: "half", logLines: ["line"] }), 1, 20);
  assert.deepEqual(await watcher.next(NEVER), {
    kind: "progress",
    atMs: 10,
    fraction: 0.5,
    message: "half",
  });
  assert.deepEqual(await watcher.next(NEVER), {
    kind: "log",
    atMs: 20,
    lines: ["line"],
    firstLine: 1,
    attempt: 1,
  });
});

Deno.test("what an attempt said is not shown of the next one, and is forgotten with its end", () => {
  const watchers = new JobWatchers();
  watchers.take(news({ fraction: 0.9, logLines: ["first attempt"] }), 1, 0);
  assert.equal(watchers.progressOf("j", 2), undefined);
  watchers.take(news({ token: 2, fraction: 0.1, logLines: ["second"] }), 1, 0);
  assert.deepEqual(watchers.progressOf("j", 2)!.log.lines, ["second"]);
  assert.equal(watchers.progressOf("j", 1), undefined);
  watchers.forget("j");
  assert.equal(watchers.progressOf("j", 2), undefined);
});

Deno.test("lines that a worker sends again are known by their numbers, and told once", async () => {
  const watchers = new JobWatchers();
  const watcher = watchers.add("j");
  watchers.take(news({ logLines: ["1", "2"], firstLine: 1 }), 1, 0);
  watchers.take(news({ logLines: ["1", "2", "3"], firstLine: 1 }), 1, 0);
  watchers.take(news({ logLines: ["1", "2", "3"], firstLine: 1 }), 1, 0);
  watchers.take(news({ logLines: ["9"], firstLine: 9 }), 1, 0);
  const told = [await watcher.next(NEVER), await watcher.next(NEVER), await watcher.next(NEVER)];
  assert.deepEqual(
    told.map((each) => each.kind === "log" && [each.firstLine, ...each.lines]),
    [[1, "1", "2"], [3, "3"], [9, "9"]],
  );
  const { log } = watchers.progressOf("j", 1)!;
  assert.deepEqual([log.lines, log.firstLine], [["9"], 9], "what came between was never heard");
});

Deno.test("only the latest thousand lines of an attempt are kept", () => {
  const watchers = new JobWatchers();
  for (let n = 0; n < 1_300; n++) watchers.take(news({ logLines: [String(n)] }), 1, 0);
  const { lines } = watchers.progressOf("j", 1)!.log;
  assert.deepEqual([lines.length, lines[0], lines.at(-1)], [1_000, "300", "1299"]);
});

Deno.test("many running jobs share the room for their logs", () => {
  const watchers = new JobWatchers();
  const line = "x".repeat(1_000);
  for (let job = 0; job < 1_000; job++) watchers.take(news({ jobId: `job-${job}` }), 1, 0);
  for (let n = 0; n < 200; n++) watchers.take(news({ jobId: "job-1", logLines: [line] }), 1, 0);
  const { lines } = watchers.progressOf("job-1", 1)!.log;
  assert.equal(lines.length, 67, "64 MiB for a thousand");
});

Deno.test("a job is watched as long as one of its watchers stays", () => {
  const watchers = new JobWatchers();
  const [first, second] = [watchers.add("j"), watchers.add("j")];
  watchers.remove("j", first);
  assert.ok(watchers.has("j"));
  watchers.remove("j", second);
  assert.ok(!watchers.has("j"));
});

Deno.test("megabytes of log lines do not wait for a slow watcher, and states still do", async () => {
  const watcher = new Watcher();
  const lines = ["x".repeat(3_000_000)];
  const state = { kind: "state", atMs: 1 } as unknown as JobEventView;
  for (let at = 0; at < 5; at++) watcher.push({ ...log(""), lines } as JobEventView);
  watcher.push(state);
  assert.deepEqual((await watcher.next(NEVER)).kind, "log");
  assert.equal(await watcher.next(NEVER), state);
  watcher.push(log("read again"));
  assert.deepEqual(await watcher.next(NEVER), log("read again"));
});

Deno.test("a message of progress is kept and told up to a length", async () => {
  const watchers = new JobWatchers();
  const watcher = watchers.add("j");
  watchers.take(news({ fraction: 0.5, message: "m".repeat(3_000_000) }), 1, 7);
  const event = await watcher.next(NEVER);
  assert.equal(event.kind === "progress" && event.message.length, 32_768);
  assert.equal(watchers.progressOf("j", 1)?.message.length, 32_768);
});
