import assert from "node:assert/strict";
import { PermanentJobError } from "../job_types/light.ts";
import type { AttemptListener } from "./attempt.ts";
import { never, processesWith, silent, taskOf, withExecutor } from "./executor_test_support.ts";

Deno.test("an attempt in a process of its own asks for what its parents left, each once", () =>
  withExecutor(
    `export async function child(_payload, context) {
      const [first] = context.parents;
      await context.parentResult(first.jobId);
      const { output, status } = await context.parentResult(first.jobId);
      const lost = await context.parentResult("lost").catch(({ message }) => message);
      const sealed = await context.parentResult("sealed").catch(({ name, message }) => name + message);
      const foreign = await context.parentResult("foreign").catch(({ name, message }) => name + message);
      return [status, new TextDecoder().decode(output), lost, sealed, foreign];
    }`,
    async (executor, directory) => {
      const asked: string[] = [];
      const end = await executor.run(
        {
          ...taskOf(directory, "child"),
          parents: ["p1", "lost", "sealed"].map((jobId) => ({ jobId, status: "completed" })),
        },
        {
          ...silent,
          parentResult(jobId) {
            asked.push(jobId);
            if (jobId === "lost") return Promise.reject(new Error("it is forgotten"));
            if (jobId === "sealed") return Promise.reject(new PermanentJobError("no key opens it"));
            const output = new TextEncoder().encode("left");
            return Promise.resolve({ status: "completed", output, contentType: "", error: "" });
          },
        },
        never,
      );
      assert.ok(end.ok, end.ok ? "" : end.error);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(end.output)), [
        "completed",
        "left",
        "it is forgotten",
        "PermanentJobErrorno key opens it",
        "PermanentJobErrorthis job does not depend on job foreign",
      ]);
      assert.deepEqual(asked, ["p1", "lost", "sealed"]);
    },
  ));

Deno.test("what an attempt left behind and fails takes no later one along, and its process gets no third", async () => {
  const orphans: string[] = [];
  await withExecutor(
    `
    let leave;
    export function litter() {
      new Promise((resolve) => leave = resolve).then(() => { throw new Error("left behind"); });
      return Deno.pid;
    }
    export async function next() {
      leave();
      await new Promise((resolve) => setTimeout(resolve, 50));
      return Deno.pid;
    }
    export const own = async () => {
      Promise.reject(new Error("its own"));
      await new Promise((resolve) => setTimeout(resolve, 10_000));
    };
    export const pid = () => Deno.pid;
    export const late = () => {
      setTimeout(() => { throw new Error("too late"); }, 1);
      return Deno.pid;
    };`,
    async (executor, directory) => {
      const pidOf = async (type: string) => {
        const end = await executor.run(taskOf(directory, type), silent, never);
        assert.ok(end.ok, end.ok ? "" : end.error);
        return new TextDecoder().decode(end.output);
      };
      const first = await pidOf("litter");
      assert.equal(await pidOf("next"), first);
      assert.match(orphans.join(), /^litter litter Error: left behind[^,]*$/);
      assert.notEqual(await pidOf("pid"), first);
      const late = await pidOf("late");
      while (orphans.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.match(orphans[1] ?? "", /^late late Error: too late/);
      assert.notEqual(await pidOf("pid"), late, "nor does one that failed while it was idle");
      const own = await executor.run(taskOf(directory, "own"), silent, never);
      assert.match(own.ok ? "" : own.error, /exited with code 1; it said: .*its own/);
    },
    {
      onOrphan: ({ jobType, jobId, error }) => orphans.push(`${jobType} ${jobId} ${error}`),
    },
  );
});

Deno.test("a timer of an attempt that has ended fails no later one of its process, however it was set", async () => {
  const orphans: string[] = [];
  // Each fails when the next attempt runs, and not before.
  const setters = {
    timeout: "(fire) => setTimeout(fire, 5)",
    module: "(fire) => timers.setTimeout(fire, 5)",
    interval: "(fire) => { const id = setInterval(() => { clearInterval(id); fire(); }, 5); }",
    immediate: "(fire) => setTimeout(() => setImmediate(fire), 5)",
    required: "(fire) => createRequire(import.meta.url)('timers').setTimeout(fire, 5)",
    promisified: "(fire) => promisify(setTimeout)(5).then(fire)",
  };
  const types = Object.entries(setters).map(([name, set]) => `
    export const ${name} = () => {
      const fire = () => {
        if (!globalThis.isNext) return (${set})(fire);
        throw new Error("left behind");
      };
      fire();
      return Deno.pid;
    };`);
  await withExecutor(
    `
    import timers from "node:timers";
    import { createRequire } from "node:module";
    import { promisify } from "node:util";
    ${types.join("")}
    export const next = async () => {
      globalThis.isNext = true;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return Deno.pid;
    };
    export const own = async () => {
      setTimeout(() => { throw new Error("its own"); }, 5);
      await new Promise((resolve) => setTimeout(resolve, 10_000));
    };`,
    async (executor, directory) => {
      for (const name of Object.keys(setters)) {
        const [left, next] = [
          await executor.run(taskOf(directory, name), silent, never),
          await executor.run(taskOf(directory, "next"), silent, never),
        ];
        assert.ok(left.ok && next.ok, `${name}: ${next.ok ? "" : next.error}`);
        assert.deepEqual(next.output, left.output, "it ran in the same process");
        assert.match(orphans.pop() ?? "", new RegExp(`^${name} Error: left behind`));
        assert.deepEqual(orphans, []);
      }
      const own = await executor.run(taskOf(directory, "own"), silent, never);
      assert.match(own.ok ? "" : own.error, /exited with code 1; it said: .*its own/);
    },
    { onOrphan: ({ jobType, error }) => orphans.push(`${jobType} ${error}`) },
  );
});

Deno.test("an attempt that goes to another directory takes no later one along", () =>
  withExecutor(
    `
    export const goes = (_payload, { tempDir }) => void Deno.chdir(tempDir);
    export const asks = () => Deno.cwd();`,
    async (executor, directory) => {
      const goes = await executor.run(taskOf(directory, "goes"), silent, never);
      assert.ok(goes.ok, goes.ok ? "" : goes.error);
      const asks = await executor.run(taskOf(directory, "asks"), silent, never);
      assert.ok(asks.ok, asks.ok ? "" : asks.error);
      assert.equal(JSON.parse(new TextDecoder().decode(asks.output)), Deno.cwd());
    },
  ));

Deno.test("an attempt whose listener fails when it is told to stop still puts away what it began", async () => {
  const said: string[] = [];
  await withExecutor(
    `export async function tidy(_payload, { signal, log }) {
      signal.addEventListener("abort", () => { throw new Error("the first one"); });
      signal.onabort = async () => { throw new Error("the second one"); };
      console.log("begun");
      const stopped = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      await stopped;
      console.log("put away");
    }`,
    async (executor, directory) => {
      const stop = new AbortController();
      const listener = {
        ...silent,
        log: (line: string) => {
          said.push(line);
          if (line === "begun") stop.abort(new Error("nobody wants it"));
        },
      };
      const end = await executor.run(taskOf(directory, "tidy"), listener, stop.signal);
      assert.deepEqual(end, { ok: false, error: "nobody wants it", permanent: false });
    },
  );
  assert.deepEqual(said.toSorted(), [
    "begun",
    "put away",
    "what it does when it is told to stop failed: the first one",
    "what it does when it is told to stop failed: the second one",
  ]);
});

const ON_LINUX = { ignore: Deno.build.os !== "linux" };

Deno.test("an attempt that is told to stop puts away what it began, and says why it was told", () =>
  withExecutor(
    `export async function tidy(_payload, context) {
      context.log("begun");
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      context.log("told: " + context.signal.reason.message);
      return "put away";
    }`,
    async (executor, directory) => {
      const { lines, listener, line } = listening();
      const stop = new AbortController();
      const running = executor.run(taskOf(directory, "tidy"), listener, stop.signal);
      await line("begun");
      stop.abort(new Error("timed out after 5 ms"));
      assert.deepEqual(await running, {
        ok: false,
        error: "timed out after 5 ms",
        permanent: false,
      });
      assert.deepEqual(lines, ["begun", "told: timed out after 5 ms"]);
    },
  ));

Deno.test("a loop that never yields ends with its process when its grace is over", () =>
  withExecutor(
    `export function loop(_payload, context) { context.log("begun"); for (;;); }
     export const fine = () => "fine";`,
    async (executor, directory) => {
      const { lines, listener, line } = listening();
      const stop = new AbortController();
      const running = executor.run(taskOf(directory, "loop"), listener, stop.signal);
      await line("begun");
      stop.abort(new Error("cancelled"));
      assert.deepEqual(await running, { ok: false, error: "cancelled", permanent: false });
      assert.deepEqual(lines, ["begun", "it did not stop within 100 ms, and was ended"]);
      assert.ok((await executor.run(taskOf(directory, "fine"), silent, never)).ok);
    },
    { killGraceMs: 100 },
  ));

Deno.test({
  name: "what an attempt started ends with it, also what left its parent, session and environment",
  ...ON_LINUX,
  fn: () => {
    const word = crypto.randomUUID();
    return withExecutor(
      `export async function fork(_payload, context) {
        // Each writes into its command line what it is found by.
        const sleeper = "sleep 1000 # ${word}";
        for (const script of [
          "sh -c '" + sleeper + "; true' & sleep 0.1",
          "setsid sh -c '" + sleeper + "; true' & sleep 0.1",
          "setsid env -i /bin/sh -c '/bin/" + sleeper + "; true' & sleep 0.1",
        ]) await new Deno.Command("sh", { args: ["-c", script], stdout: "null" }).spawn().status;
        return "done";
      }
      export async function crash() {
        new Deno.Command("sh", { args: ["-c", "setsid sh -c 'sleep 1000 # ${word}; true' &"], stdout: "null", stderr: "null" }).spawn();
        await new Promise((resolve) => setTimeout(resolve, 300));
        Deno.exit(7);
      }`,
      async (executor, directory) => {
        const end = await executor.run(taskOf(directory, "fork"), silent, never);
        assert.ok(end.ok, end.ok ? "" : end.error);
        assert.deepEqual(processesWith(word), []);
        const crashed = await executor.run(taskOf(directory, "crash"), silent, never);
        assert.deepEqual(processesWith(word), []);
        assert.ok(!crashed.ok);
        assert.equal(crashed.error, "the executor process exited with code 7");
        assert.equal(crashed.fault, "crashed");
      },
    );
  },
});

Deno.test({
  name: "what an attempt starts gets no files that whoever started the worker had left open",
  ...ON_LINUX,
  fn: () =>
    withExecutor(
      `export async function files() {
        const child = new Deno.Command("ls", { args: ["/proc/self/fd"], stderr: "null" });
        return new TextDecoder().decode((await child.output()).stdout).trim().split("\\n");
      }`,
      async (executor, directory) => {
        const end = await executor.run(taskOf(directory, "files"), silent, never);
        assert.ok(end.ok, end.ok ? "" : end.error);
        // The last is the directory that it lists.
        const expected = ["0", "1", "2", "3"];
        assert.deepEqual(JSON.parse(new TextDecoder().decode(end.output)), expected);
      },
      { startedBy: ["/bin/bash", "-c", 'exec "$0" "$@" 9< /dev/null 251< /dev/null'] },
    ),
});

Deno.test("whatever is printed to stdout is no part of what the worker is told", () =>
  withExecutor(
    `export function print(_payload, context) {
      const noise = new Uint8Array(64 * 1024).fill(255);
      for (let i = 0; i < 50; i++) {
        Deno.stdout.writeSync(noise);
        Deno.stderr.writeSync(noise);
        context.progress(i / 50);
      }
      for (let i = 1; i <= 100_000; i++) console.log("line " + i);
      return "unharmed";
    }`,
    async (executor, directory) => {
      const { lines, listener, skipped } = listening();
      const end = await executor.run(taskOf(directory, "print"), listener, never);
      assert.ok(end.ok, end.ok ? "" : end.error);
      assert.equal(lines.at(-1), "line 100000");
      assert.equal(lines.length + skipped(), 100_000);
      assert.ok(skipped() > 50_000, `${lines.length} lines were told one by one`);
    },
  ));

Deno.test({
  name: "a job that gets hold of the channel ends its own process alone",
  ...ON_LINUX,
  fn: () =>
    withExecutor(
      `export function forge(_payload, context) {
        for (const { name } of Deno.readDirSync("/proc/self/fd")) {
          try {
            if (!Deno.readLinkSync("/proc/self/fd/" + name).startsWith("pipe:")) continue;
            Deno.writeFileSync("/proc/self/fd/" + name, FRAME);
          } catch { /* not to be written to */ }
        }
        return new Promise(() => {});
      }
      // Well formed, and no end: { kind: "end", end: 1 }.
      const FRAME = Uint8Array.of(0, 0, 0, 15, 0xa2, 0x64, 107, 105, 110, 100, 0x63, 101, 110, 100, 0x63, 101, 110, 100, 1);
      export const fine = () => "fine";`,
      async (executor, directory) => {
        const end = await executor.run(taskOf(directory, "forge"), silent, never);
        assert.ok(!end.ok);
        assert.match(end.error, /its output could not be read: it is no message of an executor/);
        assert.ok((await executor.run(taskOf(directory, "fine"), silent, never)).ok);
      },
    ),
});

Deno.test("what a process says before it dies is told, and so is its signal", () =>
  withExecutor(
    `export function die() {
      console.log("not this");
      Deno.stderr.writeSync(new TextEncoder().encode("the disk is on fire\\n"));
      process.kill(process.pid, "SIGABRT");
      return new Promise(() => {});
    }`.replace("export", 'import process from "node:process";\n export'),
    async (executor, directory) => {
      const end = await executor.run(taskOf(directory, "die"), silent, never);
      assert.ok(!end.ok);
      assert.equal(
        end.error,
        "the executor process was ended by SIGABRT; it said: the disk is on fire",
      );
    },
  ));

Deno.test("a failure that nobody caught is told by what it says, without colours", () =>
  withExecutor(
    `export function stray() {
      Promise.reject(new Error("the hook is gone"));
      return new Promise(() => {});
    }`,
    async (executor, directory) => {
      const end = await executor.run(taskOf(directory, "stray"), silent, never);
      assert.ok(!end.ok);
      const said =
        "the executor process exited with code 1; it said: error: Uncaught (in promise) Error: the hook is gone\n";
      assert.equal(end.error.slice(0, said.length), said);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(end.error, /\x1b/);
    },
  ));

const ASKS_FOR_ALL = `
  const asks = {
    read: () => Deno.readTextFileSync("/etc/hostname"),
    write: () => Deno.writeTextFileSync("/tmp/conductor-not-allowed", ""),
    env: () => Deno.env.get("PATH") ?? Deno.exit(3),
    run: () => new Deno.Command("true").outputSync(),
    sys: () => Deno.hostname(),
    ffi: () => Deno.dlopen("libc.so.6", {}),
  };
  export function ask(_payload, context) {
    Deno.writeTextFileSync(context.tempDir + "/own", "");
    return Object.entries(asks).filter(([, ask]) => {
      try { return ask() !== null; } catch (error) { return error.name !== "NotCapable"; }
    }).map(([name]) => name);
  }`;

for (const givesUp of [false, true]) {
  const how = givesUp ? "gives up whole kinds" : "is started with no more";
  Deno.test({
    name: `a process that may do less than all ${how}`,
    ...ON_LINUX,
    fn: async () => {
      const directory = await Deno.makeTempDir({ prefix: "conductor-grants-" });
      try {
        await withExecutor(
          ASKS_FOR_ALL.replace('Deno.env.get("PATH") ?? Deno.exit(3)', "Deno.env.toObject()"),
          async (executor) => {
            const end = await executor.run(taskOf(directory, "ask"), silent, never);
            assert.ok(end.ok, end.ok ? "" : end.error);
            const allowed = JSON.parse(new TextDecoder().decode(end.output));
            // Of kinds of which it may do something, who gives up cannot give up the rest.
            assert.deepEqual(allowed, givesUp ? ["read", "write"] : ENV_SEEMS_EMPTY);
          },
          { givesUp, grants: { read: [directory, "/tmp"], write: [directory] } },
        );
      } finally {
        await Deno.remove(directory, { recursive: true });
        await Deno.remove("/tmp/conductor-not-allowed").catch(() => {});
      }
    },
  });
}
/** Whoever is started without `env` sees an empty environment, rather than a refusal. */
const ENV_SEEMS_EMPTY = ["env"];

Deno.test("what a job says after its end is not heard as the next one's", () =>
  withExecutor(
    `let first;
     export function early(_, context) {
       first = context;
       const said = context.tempDir.replace(/attempt$/, "said");
       setTimeout(() => {
         context.log("late");
         console.log("printed late");
         Deno.writeTextFileSync(said, "");
       }, 0);
     }
     export async function next(_, context) {
       await new Promise((resolve) => setTimeout(resolve, 5));
       first.log("another's secret");
       first.progress(0.9, "another's");
       context.log("its own");
       context.progress(0.1, "its own");
     }`,
    async (executor, directory) => {
      const said: unknown[] = [];
      const listener = {
        ...silent,
        log: (line: string) => said.push(line),
        progress: (_: number, message: string) => said.push(message),
      };
      using watch = Deno.watchFs(directory);
      assert.ok((await executor.run(taskOf(directory, "early"), listener, never)).ok);
      for await (const { paths } of watch) if (paths.some((each) => each.endsWith("said"))) break;
      assert.ok((await executor.run(taskOf(directory, "next"), listener, never)).ok);
      assert.deepEqual(new Set(said), new Set(["its own"]));
      assert.equal(executor.processes, 1);
    },
  ));

Deno.test("spares are there before they are needed, and a process is replaced after its attempts", () =>
  withExecutor(
    `let calls = 0;
     let ready = "";
     export default {
       count: { run: () => ++calls + ready, prepare: () => void (ready = " prepared") },
     };`,
    async (executor, directory) => {
      executor.warm();
      assert.equal(executor.processes, 1);
      const counts: unknown[] = [];
      for (let i = 0; i < 3; i++) {
        const end = await executor.run(taskOf(directory, "count"), silent, never);
        counts.push(end.ok ? new TextDecoder().decode(end.output) : end.error);
      }
      assert.deepEqual(counts, ['"1 prepared"', '"2 prepared"', '"1 prepared"']);
    },
    { spares: 1, attemptsMax: 2, prepares: ["count"] },
  ));

/** A listener that remembers, and waits for lines. */
function listening() {
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  let skippedLines = 0;
  const listener: AttemptListener = {
    ...silent,
    log(text) {
      lines.push(text);
      waiting.get(text)?.();
    },
    skippedLog: (count) => void (skippedLines += count),
  };
  return {
    lines,
    listener,
    skipped: () => skippedLines,
    line: (text: string) =>
      lines.includes(text)
        ? Promise.resolve()
        : new Promise<void>((resolve) => waiting.set(text, resolve)),
  };
}
