import assert from "node:assert/strict";
import {
  type JobClient,
  type JobView,
  type MemberClient,
  Refusal,
  type WorkerView,
} from "../rpc/mod.ts";
import { widthOf } from "./table.ts";
import { recording } from "./terminal_test_support.ts";
import { watchTop } from "./top.ts";
import { endedPerSecond, sampleJson, takeSample, type TopSample } from "./top_sample.ts";
import { sampleText, screenLines } from "./top_screen.ts";
import { firstView, keysOf, pressed, type TopView } from "./top_view.ts";

const { style } = recording().out;

function worker(id: string, completedJobs: number): WorkerView {
  return {
    id,
    status: "active",
    slots: 4,
    activeJobs: 1,
    jobTypes: ["noop", "web_scraping"],
    tags: {},
    completedJobs,
    failedJobs: 0,
    lastHeartbeatMs: 0,
  } as unknown as WorkerView;
}

function job(at: number): JobView {
  return {
    id: `job-${at}`,
    type: "noop",
    status: "completed",
    priority: 5,
    attempt: 1,
    maxRetries: 3,
    assignedTo: "w1",
    createdAtMs: 0,
    deadLetter: false,
  } as unknown as JobView;
}

function sample(changes: Partial<TopSample> = {}): TopSample {
  return {
    atMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    health: {
      nodeId: "m1",
      clusterId: "c-1",
      version: "1.2.3",
      leaderId: "m1",
      leaderAddress: "",
      isLeader: true,
      raftState: "Leader",
      term: 7,
      commitIndex: 99,
      appliedIndex: 99,
      workers: 2,
      activeWorkers: 2,
      pendingJobs: 3,
      runningJobs: 2,
      deadLetters: 0,
      members: [],
      nowMs: 0,
    },
    members: undefined,
    queues: [],
    workers: [worker("w1", 10), worker("w2", 20)],
    jobs: Array.from({ length: 50 }, (_, at) => job(at)),
    ...changes,
  };
}

function shown(view: Partial<TopView>, columns = 100, rows = 30, changes = {}): string[] {
  const picture = {
    sample: sample(changes),
    before: undefined,
    view: { ...firstView(2_000), ...view },
    remark: "",
  };
  return screenLines(picture, { style, columns, rows });
}

Deno.test("the picture has exactly the terminal's lines, and none is too wide, whatever its size", () => {
  for (const rows of [3, 8, 12, 24, 60]) {
    for (const columns of [20, 60, 80, 200]) {
      for (const zoom of [undefined, "jobs", "members"] as const) {
        const lines = shown({ zoom }, columns, rows);
        assert.equal(lines.length, rows, `${columns}x${rows}`);
        for (const line of lines) assert.ok(widthOf(line) <= columns, `${columns}: ${line}`);
      }
    }
  }
});

Deno.test("sections share the terminal, and what does not fit is counted", () => {
  const text = shown({}).join("\n");
  assert.match(text, /^Conductor 1\.2\.3 {2}03:04:05 UTC$/m);
  assert.match(text, /^Jobs +3 pending, 2 running, 0 dead letters$/m);
  assert.match(text, /^Workers +2 active of 2, ██░{8} 2 of 8 places taken$/m);
  assert.match(text, /^\[1\] members\nYour roles do not let you see them\.$/m);
  assert.match(text, /^\[3\] workers\nWORKER .*\nw1 .*\nw2 /m);
  assert.match(text, /^\[4\] jobs\nJOB .*\njob-0 /m);
  assert.match(text, /^ +\d+ more$/m);
});

Deno.test("one section alone can be scrolled to its end and no further", () => {
  const first = shown({ zoom: "jobs" }, 100, 20);
  assert.match(first.join("\n"), /^\[4\] jobs\nJOB .*\njob-0 /m);
  const last = shown({ zoom: "jobs", offset: 1_000 }, 100, 20);
  assert.match(last.at(-2)!, /^job-49 /);
});

Deno.test("each key does what the help says, and unknown ones nothing", () => {
  const press = (keys: string) => {
    let view = firstView(2_000);
    const effects: string[] = [];
    for (const key of keysOf(keys)) {
      const after = pressed(view, key);
      view = after.view;
      effects.push(after.effect);
    }
    return { view, effects };
  };
  assert.equal(press("4").view.zoom, "jobs");
  assert.equal(press("44").view.zoom, undefined);
  assert.equal(press("4jj\u001b[B\u001b[A\u001b[6~").view.offset, 12);
  assert.equal(press("k").view.offset, 0);
  assert.deepEqual(press("f").view.jobs, "unfinished");
  assert.deepEqual(press("fff").view.jobs, "newest");
  assert.equal(press("+").view.intervalMs, 1_000);
  assert.equal(press("++++++++").view.intervalMs, 250);
  assert.equal(press("-").view.intervalMs, 4_000);
  assert.deepEqual(press("  ").effects, ["none", "sample"]);
  assert.equal(press("?").view.isHelp, true);
  assert.equal(press("?x").view.isHelp, false);
  for (const key of ["q", "\u001b", "\u0003", "hq"]) {
    assert.equal(press(key).effects.at(-1), "quit");
  }
  assert.deepEqual(press("z5é"), { view: firstView(2_000), effects: ["none", "none", "none"] });
});

Deno.test("what ends a second is counted worker by worker, so that a worker that leaves takes nothing back", () => {
  const before = sample();
  const after = (workers: WorkerView[]) => sample({ atMs: before.atMs + 2_000, workers });
  assert.equal(endedPerSecond(undefined, before), undefined);
  assert.equal(endedPerSecond(before, after([worker("w1", 16), worker("w2", 20)])), 3);
  assert.equal(endedPerSecond(before, after([worker("w1", 12), worker("w3", 500)])), 1);
});

Deno.test("it draws, waits for a cluster that is away, and gives the terminal back when it ends", async () => {
  const terminal = recording({ isTerminal: true, columns: 80, rows: 20 });
  let press: (key: string) => void = () => {};
  let stopped = 0;
  const answers: (TopSample | Error)[] = [
    sample(),
    new Refusal("unavailable", "nobody leads"),
    sample(),
  ];
  let asked = 0;
  const ended = watchTop(
    () => {
      const answer = answers[asked++]!;
      if (asked === answers.length) queueMicrotask(() => press("q"));
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    firstView(1),
    terminal.out,
    {
      listen(hear) {
        press = hear;
        return () => stopped++;
      },
    },
  );
  await ended;
  const { out } = terminal.written;
  assert.ok(out.startsWith("\u001b[?1049h\u001b[?25l\u001b[HConductor 1.2.3"));
  assert.ok(out.includes("UTC  nobody leads"), out);
  assert.ok(out.endsWith("\u001b[?25h\u001b[?1049l"));
  assert.equal(stopped, 1);
});

Deno.test("a failure that does not pass ends it, and still gives the terminal back", async () => {
  const terminal = recording({ isTerminal: true });
  let asked = 0;
  const ask = () =>
    asked++ === 0
      ? Promise.resolve(sample())
      : Promise.reject(new Refusal("unauthenticated", "the token has expired"));
  await assert.rejects(
    watchTop(ask, firstView(1), terminal.out, { listen: () => () => {} }),
    /token has expired/,
  );
  assert.ok(terminal.written.out.endsWith("\u001b[?1049l"));
});

Deno.test("where nobody leads, top asks nothing that would wait for a leader, and says what one master knows", async () => {
  const { health } = sample();
  const waits = () => Promise.reject(new Refusal("unavailable", "nobody leads"));
  const client = {
    clusterHealth: () => Promise.resolve({ ...health, nodeId: "m2", leaderId: "" }),
    listStandings: waits,
    listWorkers: waits,
    listJobs: ({ stale }: { stale?: boolean }) =>
      stale ? Promise.resolve({ jobs: [job(1)] }) : waits(),
  } as unknown as JobClient;
  const members = { listMembers: waits } as unknown as MemberClient;
  const found = await takeSample(client, members, "newest");
  const text = sampleText(found, { style, columns: 120 });
  assert.match(text, /^Cluster {2}c-1, led by nobody, as m2 sees it, term 7/m);
  assert.match(text, /^Workers {2}2 active of 2$/m);
  assert.equal(text.match(/^Nobody leads who would tell\.$/mg)?.length, 3);
  assert.match(text, /^job-1 /m);
  const { members: told, queues, workers } = sampleJson(found);
  assert.deepEqual([told, queues, workers], [null, null, null]);
  assert.equal(endedPerSecond(sample(), { ...found, atMs: sample().atMs + 2_000 }), undefined);
});
