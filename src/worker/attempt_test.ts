import assert from "node:assert/strict";
import { z } from "zod";
import { JobTypeRegistry } from "../job_types/mod.ts";
import { PermanentJobError } from "../job_types/light.ts";
import { runAttempt } from "./attempt.ts";
import { ENVIRONMENT, never, silent, taskOf } from "./executor_test_support.ts";

/** The error of an attempt whose type fails of this. */
async function errorOf(failure: unknown): Promise<string> {
  return (await endOf(failure)).error;
}

async function endOf(failure: unknown) {
  const registry = new JobTypeRegistry();
  registry.register({
    name: "failing",
    summary: "Fails.",
    isolation: "inline",
    payloadSchema: z.unknown(),
    example: {},
    run: () => Promise.reject(failure),
  });
  const end = await runAttempt(registry, ENVIRONMENT, taskOf("/nowhere", "failing"), silent, never);
  assert.ok(!end.ok);
  return end;
}

Deno.test("a failure is told with its cause, unless its message holds that already", async () => {
  const cause = new Error("the disk is full");
  const bare = await errorOf(new Error("cannot write", { cause }));
  assert.equal(bare, "cannot write (the disk is full)");
  const told = "cannot write: the disk is full.";
  assert.equal(await errorOf(new Error(told, { cause })), told);
  assert.equal(await errorOf(new Error("cannot write")), "cannot write");
});

Deno.test("several failures in one are told, and so is what is no error", async () => {
  const failures = [new Error("a is down"), new Error("b is late")];
  const all = new AggregateError(failures, "All promises were rejected");
  assert.equal(await errorOf(all), "All promises were rejected (a is down; b is late)");
  assert.equal(await errorOf({ code: 7, why: "no" }), "{ code: 7, why: 'no' }");
  assert.equal(await errorOf(Object.create(null)), "[Object: null prototype] {}");
  assert.equal(await errorOf("in words"), "in words");
  assert.equal(await errorOf(undefined), "undefined");
});

Deno.test("an attempt ends whatever its type throws, and however that is put together", async () => {
  const byHand = Object.assign(new Error("x"), { message: { code: 7 } });
  assert.equal(await errorOf(byHand), "{ code: 7 }");
  const hostile = Object.defineProperty(new Error("x"), "message", {
    get: () => {
      throw new Error("nobody may look");
    },
  });
  assert.equal(await errorOf(hostile), "it threw what cannot be put into words");
  const revoked = Proxy.revocable(new Error("x"), {});
  revoked.revoke();
  assert.equal(await errorOf(revoked.proxy), "it threw what cannot be put into words");
});

Deno.test("what an attempt says is short enough for its master, whatever it is", async () => {
  const long = "x".repeat(5_000_000);
  const error = await errorOf(new Error(long, { cause: new Error(long) }));
  assert.deepEqual([error.length, error.at(-1)], [4_096, "…"]);
  const registry = new JobTypeRegistry();
  registry.register({
    name: "talking",
    summary: "Talks.",
    isolation: "inline",
    payloadSchema: z.unknown(),
    example: {},
    run(_payload, context) {
      context.progress(0.5, long);
      context.progress(1, 7 as unknown as string);
      context.log(long);
      return Promise.resolve();
    },
  });
  const said: string[] = [];
  const listener = {
    ...silent,
    progress: (_fraction: number, message: string) => void said.push(message),
    log: (line: string) => void said.push(line),
  };
  const end = await runAttempt(registry, ENVIRONMENT, taskOf("/n", "talking"), listener, never);
  assert.ok(end.ok);
  assert.deepEqual(said.map(({ length }) => length), [4_096, 1, 4_096]);
});

Deno.test("a promise that a result was given in place of what it brings is told in the job's log", async () => {
  const registry = new JobTypeRegistry();
  registry.register({
    name: "hasty",
    summary: "Forgets to wait.",
    isolation: "inline",
    payloadSchema: z.unknown(),
    example: {},
    run: () => Promise.resolve({ rows: Promise.resolve([1]) }),
  });
  const said: string[] = [];
  const listener = { ...silent, log: (line: string) => void said.push(line) };
  const end = await runAttempt(registry, ENVIRONMENT, taskOf("/n", "hasty"), listener, never);
  assert.ok(end.ok);
  assert.deepEqual(said, ['its result has a Promise at "rows", of which JSON keeps nothing']);
});

Deno.test("an attempt ends when its payload cannot even be looked at", async () => {
  const end = await runAttempt(
    {
      get: (name) => ({ name, isolation: "inline", run: () => Promise.resolve(1) }),
      parsePayload: () => {
        throw new Error("the schema is broken");
      },
      fetchUnder: () => assert.fail("it has not run"),
    },
    ENVIRONMENT,
    taskOf("/nowhere", "broken"),
    silent,
    never,
  );
  assert.deepEqual(end, { ok: false, error: "the schema is broken", permanent: false });
});

Deno.test("a parent's result is asked for once, and again where there was no answer", async () => {
  const registry = new JobTypeRegistry();
  registry.register({
    name: "child",
    summary: "Asks until it is told.",
    isolation: "inline",
    payloadSchema: z.unknown(),
    example: {},
    run: async (_payload, context) => {
      const failure = await context.parentResult("p").catch((reason: Error) => reason.message);
      await context.parentResult("p");
      const { status } = await context.parentResult("p");
      return { failure, status };
    },
  });
  let asked = 0;
  const listener = {
    ...silent,
    parentResult: () =>
      ++asked === 1 ? Promise.reject(new Error("nobody leads")) : Promise.resolve({
        status: "completed",
        output: new Uint8Array(0),
        contentType: "",
        error: "",
      }),
  };
  const task = {
    ...taskOf("/nowhere", "child"),
    parents: [{ jobId: "p", status: "completed" }],
  };
  const end = await runAttempt(registry, ENVIRONMENT, task, listener, never);
  assert.ok(end.ok);
  const told = JSON.parse(new TextDecoder().decode(end.output));
  assert.deepEqual(told, { failure: "nobody leads", status: "completed" });
  assert.equal(asked, 2);
});

Deno.test("a failure is permanent by its class, or by the name of it where that is not at hand", async () => {
  class Refused extends PermanentJobError {
    override name = "Refused";
  }
  const named = Object.assign(new Error("no such customer"), { name: "PermanentJobError" });
  for (const failure of [new PermanentJobError("x"), new Refused("x"), named]) {
    assert.equal((await endOf(failure)).permanent, true, failure.name);
  }
  for (const failure of [new Error("PermanentJobError"), { name: "PermanentJobError" }]) {
    assert.equal((await endOf(failure)).permanent, false);
  }
});

Deno.test("a job may put its directory away itself", async () => {
  const root = await Deno.makeTempDir();
  const registry = new JobTypeRegistry();
  registry.register({
    name: "tidy",
    summary: "Tidies up.",
    isolation: "inline",
    payloadSchema: z.unknown(),
    example: {},
    run: (_, { tempDir }) => Deno.remove(tempDir),
  });
  const said: string[] = [];
  const listener = { ...silent, log: (line: string) => said.push(line) };
  try {
    const end = await runAttempt(registry, ENVIRONMENT, taskOf(root, "tidy"), listener, never);
    assert.deepEqual([end.ok, said], [true, []]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
