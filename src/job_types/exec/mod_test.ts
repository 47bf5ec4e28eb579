import assert from "node:assert/strict";
import { join } from "node:path";
import { type JobContext, PermanentJobError } from "../contract.ts";
import { parsePayload } from "../payload.ts";
import { testContext } from "../test_context.ts";
import type { z } from "zod";
import type { execResult } from "./payload.ts";
import { execType, ProgramsError, readPrograms } from "./mod.ts";

const PROGRAMS = {
  sh: ["/bin/sh"],
  printf: ["/usr/bin/printf", "%s|"],
  cat: ["/bin/cat"],
  nothing: ["/nonexistent/program"],
} as const;

const ON_UNIX = { ignore: Deno.build.os === "windows" };

type Result = z.output<typeof execResult>;

async function ran(payload: unknown, changes: Partial<JobContext> = {}): Promise<Result> {
  const type = execType(PROGRAMS, { CONDUCTOR_EXECUTOR: "mark" });
  const parsed = parsePayload(type, new TextEncoder().encode(JSON.stringify(payload)));
  if (!parsed.ok) throw new Error(parsed.message);
  const tempDir = await Deno.makeTempDir({ prefix: "conductor-exec-" });
  try {
    return await type.run(parsed.payload, testContext({ tempDir, ...changes })) as Result;
  } finally {
    await Deno.remove(tempDir, { recursive: true });
  }
}

const sh = (script: string) => ({ command: "sh", args: ["-c", script] });

Deno.test({
  name: "a command gets its arguments as they are written, after those that the worker gives",
  ...ON_UNIX,
  fn: async () => {
    const { stdout, exit_code } = await ran({
      command: "printf",
      args: ["$HOME", "a b", "*", "`x`"],
    });
    assert.deepEqual([stdout, exit_code], ["$HOME|a b|*|`x`|", 0]);
  },
});

Deno.test({
  name: "a command starts in the attempt's directory, with no variables but its own",
  ...ON_UNIX,
  fn: async () => {
    const env = JSON.parse('{"MINE": "1", "__proto__": "2"}') as unknown;
    const { stdout } = await ran({ ...sh('pwd; echo "$HOME $TMPDIR"; env'), env });
    const [directory, homes, ...variables] = stdout.trim().split("\n");
    assert.equal(homes, `${directory} ${directory}`);
    const names = variables.map((each: string) => each.replace(/=.*/s, ""))
      .filter((name: string) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)).sort();
    assert.deepEqual(names, [
      ...["CONDUCTOR_ATTEMPT", "CONDUCTOR_EXECUTOR", "CONDUCTOR_JOB_ID", "HOME", "LANG", "MINE"],
      ...["PATH", "TMPDIR", "__proto__"],
    ]);
  },
});

Deno.test("no variable makes a program run other code than its own, and others pass", () => {
  const refusalOf = (name: string) => {
    const payload = { command: "cat", stdin: "echo other code", env: { [name]: "/dev/stdin" } };
    const parsed = parsePayload(
      execType(PROGRAMS),
      new TextEncoder().encode(JSON.stringify(payload)),
    );
    return parsed.ok ? undefined : parsed.message;
  };
  const refused = "LD_PRELOAD LD_LIBRARY_PATH GCONV_PATH OPENSSL_CONF BASH_ENV ENV SHELLOPTS PS4 " +
    "PYTHONPATH PYTHONHOME PYTHONINSPECT PYTHONSTARTUP PYTHONBREAKPOINT PYTHONUSERBASE PERL5OPT " +
    "PERL5LIB PERL5DB PERLLIB RUBYOPT RUBYLIB NODE_OPTIONS NODE_PATH JAVA_TOOL_OPTIONS " +
    "_JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH LUA_INIT LUA_INIT_5_4 LUA_PATH LUA_CPATH R_PROFILE_USER " +
    "GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_CONFIG_COUNT PAGER MANPAGER SYSTEMD_PAGER EDITOR " +
    "SSH_ASKPASS LESSOPEN CONDUCTOR_TOKEN";
  for (const name of refused.split(" ")) {
    assert.match(refusalOf(name) ?? "", new RegExp(`"${name}" may not be set`), name);
  }
  const passing = "PATH HOME LANG LC_ALL TZ PYTHONUNBUFFERED PYTHONIOENCODING PYTHONHASHSEED " +
    "PYTHONWARN NODE_ENV NODE_TLS JAVA_HOME GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL ENVIRONMENT MY_ENV " +
    "BASH BROWSERS PAGE R_MAX";
  for (const name of passing.split(" ")) assert.equal(refusalOf(name), undefined, name);
});

Deno.test({
  name: "stdin is text, bytes, or what a parent left",
  ...ON_UNIX,
  fn: async () => {
    assert.equal((await ran({ command: "cat", stdin: "text" })).stdout, "text");
    const bytes = { command: "cat", stdin: { base64: "AP8=" }, output: "base64" };
    assert.equal((await ran(bytes)).stdout, "AP8=");
    const parents = [{ jobId: "p1", status: "completed" }];
    const left = { status: "completed", contentType: "", error: "" };
    const parentResult = (jobId: string) =>
      Promise.resolve({ ...left, output: new TextEncoder().encode(`of ${jobId}`) });
    const fed = { parents, parentResult };
    assert.equal((await ran({ command: "cat", stdin: { parent: true } }, fed)).stdout, "of p1");
    assert.equal((await ran({ command: "cat", stdin: { parent: "p1" } }, fed)).stdout, "of p1");
    await assert.rejects(ran({ command: "cat", stdin: { parent: true } }), PermanentJobError);
    // Nobody reads it, and that is no failure.
    assert.equal((await ran({ ...sh("exit 0"), stdin: "x".repeat(1 << 20) })).exit_code, 0);
  },
});

Deno.test({
  name: "exit codes are accepted, final, or failures that quote the last lines of stderr",
  ...ON_UNIX,
  fn: async () => {
    assert.equal((await ran({ ...sh("exit 3"), exit_codes: [0, 3] })).exit_code, 3);
    const failing = sh("for i in 1 2 3 4 5 6; do echo line $i >&2; done; exit 4");
    await assert.rejects(ran(failing), (error: Error) => {
      assert.ok(!(error instanceof PermanentJobError));
      assert.equal(
        error.message,
        "the command sh exited with code 4; it said: line 2\nline 3\nline 4\nline 5\nline 6",
      );
      return true;
    });
    await assert.rejects(ran({ ...failing, permanent_exit_codes: [4] }), PermanentJobError);
    await assert.rejects(ran(sh("kill -9 $$")), /was ended by SIGKILL/);
    await assert.rejects(ran({ command: "nothing" }), PermanentJobError);
    // Longer than Linux takes one for: it would be refused each time.
    const env = { LONG: "x".repeat(10_000_000) };
    await assert.rejects(ran({ command: "cat", env }), PermanentJobError);
  },
});

Deno.test({
  name: "of much output the beginning and the end are kept, and lines are logged as they come",
  ...ON_UNIX,
  fn: async () => {
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; echo oops >&2";
    const result = await ran({ ...sh(script), output_bytes_max: 20, log: "both" }, { log });
    assert.equal(
      result.stdout,
      "line 0\nlin\n[… 28870 bytes are not kept …]\nline 2999\n",
    );
    assert.deepEqual([result.truncated, result.stdout_bytes], [true, 28_890]);
    assert.deepEqual([lines.filter((line) => line !== "oops").length, lines.includes("oops")], [
      3_000,
      true,
    ]);
    const whole = await ran({ ...sh("printf 0123456789"), output_bytes_max: 10 });
    assert.deepEqual([whole.stdout, whole.truncated], ["0123456789", false]);
  },
});

Deno.test({
  name: "who leaves its output open to others is not waited for",
  ...ON_UNIX,
  fn: async () => {
    const { stdout } = await ran(sh("sleep 30 & echo $!"));
    Deno.kill(Number(stdout), "SIGKILL");
  },
});

Deno.test({
  name: "a command is asked to end when its time is over or its job is stopped, and made to",
  ...ON_UNIX,
  fn: async () => {
    await assert.rejects(
      ran({ ...sh("sleep 60"), timeout: "50ms" }),
      /longer than its timeout of 50 ms/,
    );
    const stop = new AbortController();
    const log = (line: string) => {
      if (line === "ready") stop.abort(new Error("cancelled"));
    };
    const tidy = {
      ...sh("trap 'echo tidied; exit 9' TERM; echo ready; while :; do :; done"),
      log: "stdout",
    };
    const lines: string[] = [];
    await assert.rejects(
      ran(tidy, { signal: stop.signal, log: (line) => (lines.push(line), log(line)) }),
      /^Error: cancelled$/,
    );
    assert.deepEqual(lines, ["ready", "tidied"]);
  },
});

Deno.test("a payload names a command that the worker has, and loads no code into it", async () => {
  const faults: readonly [unknown, RegExp][] = [
    [{ command: "bash" }, /allowed: "sh", "printf", "cat", "nothing"/],
    [{ command: "sh", args: ["é".repeat(66_000)] }, /may have 131072 bytes/],
    [{ ...sh("true"), env: { LD_PRELOAD: "/tmp/evil.so" } }, /"LD_PRELOAD" may not be set/],
    [{ ...sh("true"), env: { "A=B": "" } }, /"A=B" may not be set/],
    [{ command: "sh", args: ["a\0b"] }, /NUL/],
    [{ command: "sh", args: ["x".repeat(200_000)] }, /may have 131072 bytes/],
    [{ command: "/bin/sh" }, /allowed/],
  ];
  for (const [payload, message] of faults) await assert.rejects(ran(payload), message);
});

Deno.test({
  name: "what a worker allows must be there, and can be executed",
  ...ON_UNIX,
  fn: async () => {
    assert.deepEqual(readPrograms({ a: "/bin/sh", b: '["/bin/sh","-c"]' }), {
      a: ["/bin/sh"],
      b: ["/bin/sh", "-c"],
    });
    const directory = await Deno.makeTempDir({ prefix: "conductor-exec-" });
    const file = join(directory, "file");
    await Deno.writeTextFile(file, "", { mode: 0o600 });
    for (const bad of ["sh", "", "[]", "[1]", "[broken", "/nonexistent", directory, file]) {
      assert.throws(() => readPrograms({ bad }), ProgramsError, bad);
    }
    await Deno.remove(directory, { recursive: true });
  },
});
