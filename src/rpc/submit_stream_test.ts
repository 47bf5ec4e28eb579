/** Submissions that share messages of a stream: each fares as by a call of its own. */

import assert from "node:assert/strict";
import type { CallAttempt } from "./call.ts";
import { ClusterChannel } from "./channel.ts";
import { JobClient } from "./client.ts";
import { follow, startMember } from "./forwarding_test_support.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { MasterApi, Submission, SubmissionOutcome } from "./master_api.ts";
import { masterService } from "./master_service.ts";
import {
  channelTo,
  scriptedMaster,
  startTestMaster,
  startTestServer,
  until,
} from "./server_test_support.ts";
import { Refusal } from "./status.ts";
import { SUBMIT_STREAM } from "./submit_stream.ts";

const job = (name: string): Submission => ({
  type: "noop",
  payload: new TextEncoder().encode(name),
  priority: 5,
  idempotencyKey: name,
});

const taken = (each: Submission): SubmissionOutcome => ({
  jobId: `job of ${each.idempotencyKey}`,
  duplicate: false,
  message: "",
});

/** Takes everything, and notes what came together. */
function taking(groups: string[][]): Partial<MasterApi> {
  return {
    submit: (submissions) => {
      groups.push(submissions.map((each) => each.idempotencyKey ?? ""));
      return Promise.resolve(submissions.map(taken));
    },
  };
}

/** What becomes of many submissions at once, after a first one by itself. */
async function outcomes(client: JobClient, names: readonly string[]): Promise<string[]> {
  await client.submit(job("first"));
  const settled = await Promise.allSettled(names.map((name) => client.submit(job(name))));
  return settled.map((each) => each.status === "fulfilled" ? each.value.jobId : each.reason.reason);
}

const NAMES = ["a", "b", "c", "d"];
const JOBS = NAMES.map((name) => `job of ${name}`);

Deno.test("what is submitted together reaches the master together, and each gets its own answer", async () => {
  const groups: string[][] = [];
  await using master = await startTestMaster(taking(groups));
  const client = new JobClient(channelTo([master.address]));
  try {
    assert.deepEqual(await outcomes(client, NAMES), JOBS);
    assert.deepEqual(groups, [["first"], NAMES]);
    // One at a time: nothing waits for anything.
    assert.equal((await client.submit(job("e"))).jobId, "job of e");
    assert.deepEqual(groups.at(-1), ["e"]);
  } finally {
    client.close();
  }
});

Deno.test("what waits for an answer goes along with what that answer sets going", async () => {
  const groups: string[][] = [];
  const answers: (() => void)[] = [];
  await using master = await startTestMaster({
    submit: (submissions) => {
      groups.push(submissions.map((each) => each.idempotencyKey ?? ""));
      const outcomes = submissions.map(taken);
      if (groups.length === 1) return Promise.resolve(outcomes);
      return new Promise((resolve) => answers.push(() => resolve(outcomes)));
    },
  });
  const client = new JobClient(channelTo([master.address]));
  const others: Promise<unknown>[] = [];
  try {
    await client.submit(job("first"));
    const first = client.submit(job("a"));
    others.push(first);
    for (const [at, name] of ["a", "b", "c", "d"].entries()) {
      if (at > 0) others.push(client.submit(job(name)));
      await until(() => groups.length === at + 2, `the message of ${name}`);
    }
    others.push(client.submit(job("waits")), first.then(() => client.submit(job("again"))));
    answers[0]!();
    await until(() => groups.length === 6, "another message");
    assert.deepEqual(groups.slice(1), [["a"], ["b"], ["c"], ["d"], ["waits", "again"]]);
    answers.slice(1).forEach((answer) => answer());
    await Promise.all(others);
  } finally {
    client.close();
    await Promise.allSettled(others);
  }
});

Deno.test("what is submitted together stays together when it is traced, each job in its own trace", async () => {
  const place = (digit: string) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`;
  const traced: (string | undefined)[][] = [];
  await using master = await startTestMaster({
    submit: (submissions) => {
      traced.push(submissions.map(({ traceparent }) => traceparent));
      return Promise.resolve(submissions.map(taken));
    },
  }, {
    observer: { started: (_, traceparent = "") => ({ traceparent, ended() {} }) },
  });
  let here: string | undefined;
  const client = new JobClient(channelTo([master.address], { traceparent: () => here }));
  const submit = (name: string, traceparent?: string) => {
    here = traceparent;
    return client.submit(job(name));
  };
  try {
    await client.submit(job("first"));
    await Promise.all([submit("a", place("a")), submit("b"), submit("c", place("c"))]);
    // Of one job the trace is its call's.
    assert.deepEqual(traced, [[undefined], [place("a"), "", place("c")]]);
  } finally {
    client.close();
  }
});

Deno.test("one submission that is refused says so to its own caller, in the words of a call", async () => {
  await using master = await startTestMaster({
    submit: (submissions) =>
      Promise.resolve(
        submissions.map((each) =>
          each.idempotencyKey === "b"
            ? { refused: new Refusal("conflict", "taken", { retryAfterMs: 7 }) }
            : taken(each)
        ),
      ),
  });
  const client = new JobClient(channelTo([master.address]));
  try {
    assert.deepEqual(await outcomes(client, NAMES), JOBS.with(1, "conflict"));
    await assert.rejects(client.submit(job("b")), { message: "taken", retryAfterMs: 7 });
  } finally {
    client.close();
  }
});

Deno.test("the gate lets in, counts and observes each submission of a stream by itself", async () => {
  const asked: Pick<CallAttempt, "method" | "requestId">[] = [];
  let isLimited = false;
  const groups: string[][] = [];
  await using master = await startTestMaster(taking(groups), {
    gatekeeper: ({ method, requestId }) => {
      asked.push({ method, requestId });
      if (isLimited && asked.length % 2 === 0) throw new Refusal("overloaded", "too many calls");
      return { userId: "tester", roles: [] };
    },
  });
  const client = new JobClient(channelTo([master.address]));
  try {
    await outcomes(client, NAMES);
    assert.deepEqual(asked.map(({ method }) => method.split("/").at(-1)), [
      "SubmitJob",
      "SubmitStream",
      ...NAMES.map(() => "SubmitJob"),
    ]);
    assert.ok(asked.every(({ requestId }) => requestId !== ""));
    isLimited = true;
    const settled = await Promise.allSettled(NAMES.map((name) => client.submit(job(name))));
    const refused = settled.filter((each) => each.status === "rejected");
    assert.deepEqual(refused.map(({ reason }) => reason.reason), ["overloaded", "overloaded"]);
    assert.equal(groups.at(-1)?.length, 2, "those that were let in went on");
    assert.equal(master.codes.filter((code) => code === "RESOURCE_EXHAUSTED").length, 2);
    assert.equal(master.codes.filter((code) => code === "OK").length, 1 + 4 + 2);
  } finally {
    client.close();
  }
});

Deno.test("of submissions that are let in at once those with a recorded trace are let in by themselves", async () => {
  const [shared, recorded] = ["00", "01"].map((flags) =>
    `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags}`
  );
  const single: string[] = [];
  const traces: (string | undefined)[] = [];
  const keys: string[] = [];
  const ended: string[] = [];
  let mayCome = true;
  await using master = await startTestMaster({
    submit: (submissions) => {
      for (const { traceparent, idempotencyKey } of submissions) {
        traces.push(traceparent);
        keys.push(idempotencyKey ?? "");
      }
      return Promise.resolve(submissions.map(taken));
    },
  }, {
    gatekeeper: ({ method, traceparent }) => {
      if (method.endsWith("/SubmitJob")) single.push(traceparent);
      if (!mayCome && traceparent === recorded) throw new Refusal("permission_denied", "not you");
      return { userId: "one", roles: [] };
    },
    gatekeeperOfMany: () => ({ userId: "one", roles: [] }),
    observer: {
      started: () => ({ traceparent: "", ended() {} }),
      several: (_method, calls) => ({
        traceparent: shared!,
        own: new Map([[1, () => ({
          traceparent: recorded!,
          ended: (code) => void ended.push(`own ${code}`),
        })]]),
        started: (count) => void ended.push(`begun ${count} of ${calls}`),
        ended: (code, _failure, count) => void ended.push(`${code} ${count}`),
      }),
    },
  });
  const client = new JobClient(channelTo([master.address]));
  try {
    await client.submit(job("first")); // who submits once needs no stream
    const before = { keys: keys.length, single: single.length };
    await Promise.all(NAMES.map((name) => client.submit(job(name))));
    assert.deepEqual(keys.slice(before.keys), NAMES, "in their order");
    assert.deepEqual(traces.slice(before.keys), [shared, recorded, shared, shared]);
    assert.deepEqual(single.slice(before.single), [recorded]);
    assert.deepEqual(ended, ["begun 3 of 4", "OK 1", "own OK", "OK 2"]);
    mayCome = false;
    const again = await Promise.allSettled(NAMES.map((name) => client.submit(job(name))));
    assert.deepEqual(again.map(({ status }) => status === "fulfilled"), [true, false, true, true]);
  } finally {
    client.close();
  }
});

Deno.test("submissions that say nothing of themselves are let in at once, and one by one where they cannot be", async () => {
  const TRACEPARENT = `00-${"a".repeat(32)}-${"b".repeat(16)}-00`;
  const single: string[] = [];
  const several: number[] = [];
  const ended: [code: string, calls: number][] = [];
  const calls: string[] = [];
  let areLetIn = true;
  await using master = await startTestMaster({
    submit: (submissions, _options, { caller: { userId }, traceparent }) => {
      calls.push(`${userId} ${traceparent} ${submissions.length}`);
      return Promise.resolve(
        submissions.map((each) =>
          each.idempotencyKey === "b" ? { refused: new Refusal("conflict", "taken") } : taken(each)
        ),
      );
    },
  }, {
    gatekeeper: ({ method }) => {
      single.push(method.split("/").at(-1)!);
      return { userId: "one", roles: [] };
    },
    gatekeeperOfMany: ({ method, requestId, traceparent }, count) => {
      assert.deepEqual([method.split("/").at(-1), traceparent], ["SubmitJob", TRACEPARENT]);
      assert.notEqual(requestId, "");
      several.push(count);
      return areLetIn ? { userId: "all", roles: [] } : undefined;
    },
    observer: {
      started: () => ({ traceparent: "", ended: (code) => void ended.push([code, 1]) }),
      several: () => ({
        traceparent: TRACEPARENT,
        started: (count) => void ended.push(["begun", count]),
        ended: (code, _failure, count) => void ended.push([code, count]),
      }),
    },
  });
  const client = new JobClient(channelTo([master.address]));
  try {
    const expected = JOBS.with(1, "conflict");
    assert.deepEqual(await outcomes(client, NAMES), expected);
    assert.deepEqual(single, ["SubmitJob", "SubmitStream"]);
    assert.deepEqual(several, [4]);
    assert.equal(calls.at(-1), `all ${TRACEPARENT} 4`);
    assert.deepEqual(ended.slice(-3), [["begun", 4], ["ABORTED", 1], ["OK", 3]]);
    areLetIn = false;
    ended.length = 0;
    const again = await Promise.allSettled(NAMES.map((name) => client.submit(job(name))));
    assert.deepEqual(again.map(({ status }) => status === "fulfilled"), [true, false, true, true]);
    assert.deepEqual(single.slice(2), NAMES.map(() => "SubmitJob"));
    assert.equal(calls.at(-1), "one  4");
    assert.deepEqual(ended.map(([code]) => code).toSorted(), ["ABORTED", "OK", "OK", "OK"]);
  } finally {
    client.close();
  }
});

Deno.test("a job that would spoil the entry of others is submitted apart from them", async () => {
  await using master = await startTestMaster({
    submit: (submissions) => {
      const spoils = submissions.some(({ idempotencyKey }) => idempotencyKey === "c");
      if (spoils) return Promise.reject(new Refusal("failed_precondition", "not that one"));
      return Promise.resolve(submissions.map(taken));
    },
  });
  const client = new JobClient(channelTo([master.address]));
  try {
    assert.deepEqual(await outcomes(client, NAMES), JOBS.with(2, "failed_precondition"));
  } finally {
    client.close();
  }
});

for (
  const [what, refusal] of [
    ["does not know the stream", new Refusal("unimplemented", "what is that?")],
    ["breaks it", new Refusal("internal", "broken")],
  ] as const
) {
  Deno.test(`submissions go by calls when their master ${what}, under the same keys`, async () => {
    const groups: string[][] = [];
    await using master = await startTestServer((server) =>
      server.add(MasterService, {
        ...masterService(scriptedMaster(taking(groups))),
        submitStream: (stream) => stream.onMessage(() => stream.end(refusal)),
      })
    );
    const client = new JobClient(channelTo([master.address]));
    try {
      assert.deepEqual(await outcomes(client, NAMES), JOBS);
      assert.deepEqual(groups.flat().toSorted(), [...NAMES, "first"]);
    } finally {
      client.close();
    }
  });
}

Deno.test("a follower passes the messages of a stream on, with its caller, and the leader's word back", async () => {
  const heard: { method: string; userId: string; keys: (string | undefined)[] }[] = [];
  await using leader = await startMember({
    submit: (submissions, _options, { method, caller: { userId } }) => {
      const keys = submissions.map((each) => each.idempotencyKey);
      heard.push({ method, userId, keys });
      return Promise.resolve(submissions.map(taken));
    },
  }, { name: "b" });
  await using follower = await startMember({});
  follow(follower, leader);
  const client = new JobClient({ ...channelTo([follower.address]), followsLeader: false });
  try {
    assert.deepEqual(await outcomes(client, NAMES), JOBS);
    assert.deepEqual(heard.at(-1), { method: SUBMIT_STREAM, userId: "alice", keys: NAMES });
  } finally {
    client.close();
  }
});

Deno.test("a submission on a stream ends with its signal, and with its time", async () => {
  const never = Promise.withResolvers<never>();
  await using master = await startTestMaster({
    submit: (submissions) =>
      submissions[0]?.idempotencyKey === "first"
        ? Promise.resolve(submissions.map(taken))
        : never.promise,
  });
  const client = new JobClient({ ...channelTo([master.address]), callTimeoutMs: 300 });
  try {
    await client.submit(job("first"));
    const aborter = new AbortController();
    const channel = new ClusterChannel(channelTo([master.address]));
    await channel.submit({ type: "noop", idempotencyKey: "first" });
    const aborted = channel.submit(
      { type: "noop", idempotencyKey: "x" },
      { signal: aborter.signal },
    );
    aborter.abort(new Error("enough"));
    await assert.rejects(aborted, { message: "enough" });
    channel.close();
    await assert.rejects(client.submit(job("a")), { reason: "outcome_unknown" });
  } finally {
    client.close();
  }
});

Deno.test("what waits on a stream fails when its client is closed", async () => {
  const never = Promise.withResolvers<never>();
  const started = Promise.withResolvers<void>();
  await using master = await startTestMaster({
    submit: (submissions) => {
      if (submissions[0]?.idempotencyKey === "first") {
        return Promise.resolve(submissions.map(taken));
      }
      started.resolve();
      return never.promise;
    },
  });
  const client = new JobClient(channelTo([master.address]));
  const waiting = outcomes(client, NAMES);
  await started.promise;
  client.close();
  assert.deepEqual(await waiting, NAMES.map(() => "cancelled"));
});
