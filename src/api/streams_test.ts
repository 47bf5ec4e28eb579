import assert from "node:assert/strict";
import { type CallContext, Refusal } from "../rpc/mod.ts";
import { eventsOf, next, type SentEvent } from "./events_test_support.ts";
import { LiveStub, serving, strictGate, tokenOf } from "./gateway_test_support.ts";

type Out = { write(message: unknown): Promise<void> };
const state = (status: string, more: object = {}) => ({
  jobId: "j",
  event: { case: "state", value: { id: "j", status, ...more } },
});
const log = (firstLine: bigint, ...lines: string[]) => ({
  jobId: "j",
  event: { case: "log", value: { lines, firstLine, attempt: 2 } },
});

Deno.test("a job is followed to its end, with its progress", async () => {
  const watchJob = async (_request: never, _call: CallContext, out: Out) => {
    await out.write(state("running"));
    await out.write({ jobId: "j", event: { case: "progress", value: { fraction: 0.5 } } });
    await out.write(log(1n, "a line, which is for another stream"));
    await out.write(state("completed", { result: { success: true } }));
  };
  await serving({ handlers: { watchJob } }, async (ask) => {
    const told = await Array.fromAsync(eventsOf(await ask("GET /jobs/j/events")));
    assert.deepEqual(told.map(({ event }) => event), ["state", "progress", "state", "end"]);
    assert.equal(told[0]?.data.job.status, "running");
    assert.equal(told[1]?.data.progress.fraction, 0.5);
    assert.equal(told[2]?.data.job.result.success, true);
    assert.equal(told[3]?.data.code, "OK");
  });
});

Deno.test("a log is read on where its reader was, and a new attempt's from its first line", async () => {
  const asked: unknown[] = [];
  const watchJob = async (request: { logFromLine: bigint }, _call: CallContext, out: Out) => {
    asked.push(request.logFromLine);
    await out.write(log(1n, "one", "two"));
    await out.write(log(3n, "three"));
  };
  await serving({ handlers: { watchJob } }, async (ask) => {
    const linesAfter = async (id?: string) => {
      const headers: Record<string, string> = id === undefined ? {} : { "last-event-id": id };
      const told = await Array.fromAsync(
        eventsOf(await ask("GET /jobs/j/logs/stream", { headers })),
      );
      return told.filter(({ event }) => event === "log")
        .map((each) => [each.id, each.data.log.first_line, ...each.data.log.lines]);
    };
    assert.deepEqual(await linesAfter(), [["2:3", 1, "one", "two"], ["2:4", 3, "three"]]);
    assert.deepEqual(await linesAfter("2:2"), [["2:3", 2, "two"], ["2:4", 3, "three"]]);
    assert.deepEqual(await linesAfter("2:4"), []);
    assert.deepEqual((await linesAfter("1:3")).length, 2, "of an attempt before");
    assert.deepEqual((await linesAfter("nonsense")).length, 2);
  });
  assert.deepEqual([...new Set(asked)], [1n]);
});

Deno.test("lines that a new leader tells again are read once", async () => {
  const watchJob = async (_request: unknown, _call: CallContext, out: Out) => {
    await out.write(log(0n, "of a worker that counts none"));
    await out.write(log(1n, "one", "two"));
    await out.write(log(3n, "three"));
    await out.write(log(1n, "one", "two"));
    await out.write(log(3n, "three", "four"));
    await out.write({
      jobId: "j",
      event: { case: "log", value: { lines: ["again"], firstLine: 1n, attempt: 3 } },
    });
  };
  await serving({ handlers: { watchJob } }, async (ask) => {
    const told = await Array.fromAsync(eventsOf(await ask("GET /jobs/j/logs/stream")));
    const logs = told.filter(({ event }) => event === "log");
    assert.deepEqual(logs.slice(1).map(({ id, data }) => [id, ...data.log.lines]), [
      ["2:3", "one", "two"],
      ["2:4", "three"],
      ["2:5", "four"],
      ["3:2", "again"],
    ]);
  });
});

Deno.test("a browser that comes back after the end of a stream is told to stay away", async () => {
  let isBroken = false;
  const watchJob = async (_request: unknown, _call: CallContext, out: Out) => {
    await out.write(log(1n, "one"));
    if (isBroken) throw new Refusal("unavailable", "not now");
  };
  await serving({ handlers: { watchJob } }, async (ask) => {
    const endOf = async (route: string) =>
      (await Array.fromAsync(eventsOf(await ask(route)))).at(-1);
    for (const route of ["GET /jobs/j/logs/stream", "GET /jobs/j/events"]) {
      const last = await endOf(route);
      assert.equal(last?.event, "end");
      const headers = { "last-event-id": last?.id ?? "" };
      const again = await ask(route, { headers });
      assert.equal(again.status, 204);
      assert.equal(await again.text(), "");
    }
    isBroken = true;
    const lost = await endOf("GET /jobs/j/logs/stream");
    assert.equal(lost?.data.code, "UNAVAILABLE");
    assert.equal(lost?.id, undefined, "it is to be gone on with");
  });
});

Deno.test("a backup comes as a file, and breaks off where its source does", async () => {
  let pieces = 3;
  const backup = async (request: { stale: boolean }, _call: CallContext, out: Out) => {
    if (request.stale) throw new Refusal("unavailable", "not now");
    for (let piece = 0; piece < pieces; piece++) await out.write({ data: new Uint8Array(50_000) });
    if (pieces === 4) throw new Error("the disk is gone");
  };
  await serving({ handlers: { backup } }, async (ask) => {
    const response = await ask("GET /cluster/backup");
    assert.equal(response.headers.get("content-disposition"), 'attachment; filename="backup"');
    assert.equal((await response.arrayBuffer()).byteLength, 150_000);
    assert.equal((await ask("GET /cluster/backup?stale=true")).status, 503);
    pieces = 4;
    const broken = await ask("GET /cluster/backup");
    await assert.rejects(broken.arrayBuffer());
    for (pieces of [1, 2, 1_000]) await (await ask("GET /cluster/backup")).body?.cancel();
  });
});

Deno.test("a backup breaks off when its reader is no longer let in, read or not", async () => {
  const gate = await strictGate();
  let isGood = true;
  const ended = Promise.withResolvers<unknown>();
  const backup = async (_request: unknown, _call: CallContext, out: Out) => {
    try {
      for (;;) await out.write({ data: new Uint8Array(50_000) });
    } catch (failure) {
      ended.resolve(failure);
      throw failure;
    }
  };
  const more = { streams: { lookedAtMs: 20 } };
  const watched = { ...gate, stillValid: () => isGood };
  await serving({ gate: watched, handlers: { backup }, more }, async (ask) => {
    const headers = { authorization: `Bearer ${await tokenOf("admin")}` };
    const response = await ask("GET /cluster/backup", { headers });
    assert.equal(response.status, 200);
    isGood = false;
    assert.match(String(await ended.promise), /has ended or been revoked/);
    await assert.rejects(response.arrayBuffer());
  });
});

Deno.test("what is refused before a stream begins is an answer like any other", async () => {
  await serving({ gate: await strictGate() }, async (ask) => {
    assert.equal((await ask("GET /jobs/j/events")).status, 401);
    assert.equal((await ask("GET /events")).status, 401);
    const headers = { authorization: `Bearer ${await tokenOf("viewer")}` };
    assert.equal((await ask("GET /jobs/j/events", { headers })).status, 501);
    assert.equal((await ask("GET /jobs/j/events?colour=red", { headers })).status, 400);
  });
});

Deno.test("everybody who watches the cluster is told the same, and of the jobs that change", async () => {
  const live = new LiveStub();
  const listMembers = () => ({ members: [{ nodeId: "n", lag: 7n }], leaderId: "n", term: 1n });
  await serving({ live, handlers: { listMembers } }, async (ask) => {
    const one = eventsOf(await ask("GET /events"));
    const first = await next(one, "cluster");
    assert.deepEqual([first.data.term, first.data.members[0]?.lag], [1, 7]);
    assert.equal(first.data.members[0]?.is_leader, true);
    const two = eventsOf(await ask("GET /events"));
    assert.equal((await next(two, "cluster")).data.term, 1);
    assert.equal(live.watchers, 1, "one listens for all");
    live.term = 2;
    for (let i = 0; i < 250; i++) {
      live.change({ id: `j${i % 240}`, status: "running", type: "t", namespace: "red" });
    }
    for (const events of [one, two]) {
      while ((await next(events, "cluster")).data.term !== 2);
      const { data } = await next(events, "jobs");
      assert.deepEqual([data.jobs.length, data.more], [200, true]);
      assert.deepEqual(data.jobs[0], { id: "j0", status: "running", type: "t" });
    }
    await one.return(undefined);
    await two.return(undefined);
    while (live.watchers > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  });
});

Deno.test("whoever sees some namespaces alone is told of those", async () => {
  const live = new LiveStub();
  await serving({ live, gate: await strictGate() }, async (ask) => {
    const watching = async (...namespaces: string[]) => {
      const authorization = `Bearer ${await tokenOf("viewer", namespaces)}`;
      return eventsOf(await ask("GET /events", { headers: { authorization } }));
    };
    const [red, blue] = [await watching("red"), await watching("blue", "green")];
    assert.equal((await next(red, "cluster")).data.jobs.seen, 1);
    assert.equal((await next(blue, "cluster")).data.jobs.seen, 2);
    for (const [id, namespace] of [["a", "red"], ["b", "blue"]] as const) {
      live.change({ id, namespace, status: "running", type: "t" });
    }
    const told = [await next(red, "jobs"), await next(blue, "jobs")];
    assert.deepEqual(told.map(({ data }) => data.jobs.map(({ id }) => id)), [
      ...[["a"], ["b"]],
    ]);
    for (const events of [red, blue]) await events.return(undefined);
    const authorization = `Bearer ${await tokenOf("viewer", ["red"])}`;
    assert.equal((await ask("GET /history", { headers: { authorization } })).status, 403);
  });
});

Deno.test("a stream ends with its token, with what its caller may, and with its node", async () => {
  const gate = await strictGate();
  let isGood = true;
  let mayWatch = true;
  const watched: typeof gate = {
    ...gate,
    stillValid: () => isGood,
    may: (principal, ask) => mayWatch && gate.may(principal, ask),
  };
  const ends: SentEvent[] = [];
  let left: Promise<SentEvent> | undefined;
  await serving({ gate: watched, more: { streams: { lookedAtMs: 20 } } }, async (ask) => {
    const headers = { authorization: `Bearer ${await tokenOf("viewer")}` };
    const events = eventsOf(await ask("GET /events", { headers }));
    await next(events, "cluster");
    isGood = false;
    ends.push(await next(events, "end"));
    assert.equal((await events.next()).done, true);
    isGood = true;
    const denied = eventsOf(await ask("GET /events", { headers }));
    await next(denied, "cluster");
    mayWatch = false;
    ends.push(await next(denied, "end"));
    mayWatch = true;
    const last = eventsOf(await ask("GET /events", { headers }));
    await next(last, "cluster");
    left = next(last, "end");
  });
  ends.push(await left!);
  assert.deepEqual(ends.map(({ data }) => data.code), [
    ...["UNAUTHENTICATED", "PERMISSION_DENIED", "UNAVAILABLE"],
  ]);
});

Deno.test("there are so many streams of one caller, and a quiet one is kept alive", async () => {
  const watchJob = async (_request: never, call: CallContext, out: Out) => {
    await out.write(state("running"));
    await new Promise<void>((_, reject) =>
      call.signal.addEventListener("abort", () => reject(call.signal.reason))
    );
  };
  const streams = { streamsOfCallerMax: 2, heartbeatMs: 20 };
  await serving({ handlers: { watchJob }, more: { streams } }, async (ask) => {
    const open = [await ask("GET /jobs/j/events"), await ask("GET /jobs/j/events")];
    const refused = await ask("GET /jobs/j/events");
    assert.equal(refused.status, 429);
    assert.match((await refused.json()).error.message, /^2 event streams of one caller are open/);
    const reader = open[0]!.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes(": alive\n\n")) text += (await reader.read()).value ?? "";
    assert.match(text, /^retry: 2000\n\n/);
    await reader.cancel();
    let again = await ask("GET /jobs/j/events");
    while (again.status === 429) {
      await again.body?.cancel();
      again = await ask("GET /jobs/j/events");
    }
    assert.equal(again.status, 200);
    await again.body?.cancel();
    await open[1]?.body?.cancel();
  });
});

Deno.test("the log of a job that has logged nothing yet is answered at once, and kept alive", async () => {
  const watchJob = async (_request: never, call: CallContext, out: Out) => {
    await out.write(state("pending"));
    const isOver = () => call.signal.aborted;
    // Of other kinds of news there may be as many as there are beats.
    while (!isOver()) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      await out.write({ jobId: "j", event: { case: "progress", value: { fraction: 0.5 } } });
    }
  };
  await serving({ handlers: { watchJob }, more: { streams: { heartbeatMs: 20 } } }, async (ask) => {
    const response = await ask("GET /jobs/j/logs/stream");
    assert.equal(response.status, 200);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes(": alive\n\n")) text += (await reader.read()).value ?? "";
    assert.equal(text.replaceAll(": alive\n\n", ""), "retry: 2000\n\n");
    await reader.cancel();
  });
});

Deno.test("a namesake for other namespaces has streams of its own", async () => {
  const streams = { streamsOfCallerMax: 1 };
  await serving({ gate: await strictGate(), more: { streams } }, async (ask) => {
    const asked = async (...namespaces: string[]) => {
      const token = await tokenOf("viewer", namespaces.length === 0 ? undefined : namespaces);
      return await ask("GET /events", { headers: { authorization: `Bearer ${token}` } });
    };
    const open = [await asked("blue")];
    const refused = await asked("blue");
    assert.equal(refused.status, 429);
    await refused.body?.cancel();
    open.push(await asked(), await asked("red", "blue"));
    assert.deepEqual(open.map(({ status }) => status), [200, 200, 200]);
    for (const { body } of open) await body?.cancel();
  });
});

Deno.test("who does not read holds up whoever writes, and is let go", async () => {
  let written = 0;
  let failure: unknown;
  const ended = Promise.withResolvers<void>();
  const watchJob = async (_request: never, _call: CallContext, out: Out) => {
    try {
      while (true) {
        await out.write(state("running", { errorMessage: "x".repeat(100_000) }));
        written++;
      }
    } catch (caught) {
      failure = caught;
      ended.resolve();
      throw caught;
    }
  };
  await serving(
    { handlers: { watchJob }, more: { streams: { patienceMs: 100 } } },
    async (ask, url) => {
      const { hostname, port } = new URL(url);
      const connection = await Deno.connect({ hostname, port: Number(port) });
      const request = `GET /api/v1/jobs/j/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
      await connection.write(new TextEncoder().encode(request));
      await ended.promise;
      connection.close();
      assert.ok(
        written < 1_000,
        `${written} events of 100 KB were written to somebody who reads none`,
      );
      assert.equal((failure as Error).message, "whoever read the stream has gone");
      assert.equal((await ask("GET /whoami")).status, 200);
    },
  );
});
