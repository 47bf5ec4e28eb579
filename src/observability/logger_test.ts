import assert from "node:assert/strict";
import { join } from "node:path";
import { runInSpan } from "./active_span.ts";
import { FIELD_LENGTH_MAX } from "./log_fields.ts";
import { LogFileError } from "./log_file.ts";
import { createLogger, discardLogger, type LoggerOptions } from "./logger.ts";
import { silentTracer } from "./tracing.ts";

const NOON = new Date("2026-11-24T12:00:00.250Z");

async function recorded(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const log = await createLogger({
    level: "debug",
    format: "json",
    output: (line) => lines.push(line),
    name: "master",
    nodeId: "node-1",
    now: () => NOON,
    ...options,
  });
  /** The only line so far, parsed. */
  const only = (): Record<string, unknown> => {
    assert.equal(lines.length, 1);
    return JSON.parse(lines[0] ?? "");
  };
  return { log, lines, only };
}

Deno.test("a JSON line says when, how grave, who, what, and the fields", async () => {
  const { log, lines, only } = await recorded();
  log.info("job assigned", { job_id: "j-1", attempt: 2 });
  assert.deepEqual(only(), {
    level: "info",
    ts: "2026-11-24T12:00:00.250Z",
    logger: "master",
    node_id: "node-1",
    job_id: "j-1",
    attempt: 2,
    msg: "job assigned",
  });
  assert.ok(lines[0]?.endsWith("}\n"));
});

Deno.test("a child adds its fields, names its component, and its own fields give way", async () => {
  const { log, lines } = await recorded();
  const child = log.child({ logger: "raft", term: 3 });
  child.warn("stepped down", { term: 4 });
  child.child({ peer: "node-2" }).info("peer is back");
  assert.equal(lines[0]?.match(/"term"/g)?.length, 1);
  assert.partialDeepStrictEqual(JSON.parse(lines[0] ?? ""), { logger: "raft", term: 4 });
  assert.partialDeepStrictEqual(JSON.parse(lines[1] ?? ""), {
    logger: "raft",
    term: 3,
    peer: "node-2",
  });
});

Deno.test("a field cannot pose as a part of the line that is the logger's own", async () => {
  const { log, lines, only } = await recorded();
  log.info("a learner votes now", {
    node_id: "node-9",
    level: "error",
    msg: "all is well",
    ts: "yesterday",
  });
  for (const name of ["node_id", "level", "msg", "ts"]) {
    assert.equal(lines[0]?.match(new RegExp(`"${name}":`, "g"))?.length, 1, name);
  }
  assert.partialDeepStrictEqual(only(), {
    node_id: "node-1",
    level: "info",
    msg: "a learner votes now",
    field_node_id: "node-9",
    field_level: "error",
  });
});

Deno.test("the level is changed at run time, for children too", async () => {
  const { log, lines } = await recorded({ level: "warn" });
  const child = log.child({ logger: "rpc" });
  child.info("unheard");
  assert.equal(child.isEnabled("info"), false);
  log.setLevel("debug");
  child.debug("heard");
  log.setLevel("error");
  child.warn("unheard");
  assert.deepEqual(lines.map((line) => JSON.parse(line).msg), ["heard"]);
  assert.equal(log.level, "error");
});

/** What people put into names, and what attackers put into them. */
const HOSTILE = [
  "two\nlines",
  "carriage\rreturn\r\n",
  "\x1b[31mred\x1b[0m \x1b]0;title\x07",
  "\u009b31m C1 \u0085 next line",
  "separators \u2028 and \u2029",
  "bidi \u202e txt.exe \u2066 \u2069 \u200f",
  'quotes " and \\ and {"level":"error"}',
  "null \0 byte, lone \ud800 surrogate",
  "%s %d %j %o %%",
];

for (const format of ["json", "pretty"] as const) {
  Deno.test(`no text breaks a ${format} line or reaches the terminal`, async () => {
    const { log, lines } = await recorded({ format });
    for (const text of HOSTILE) {
      log.info(text, { [text]: text, nested: { [text]: [text] } });
      log.child({ logger: text, bound: text }).error("failed", { error: new Error(text) });
    }
    assert.equal(lines.length, HOSTILE.length * 2);
    for (const line of lines) {
      assert.ok(line.endsWith("\n"));
      assert.doesNotMatch(
        line.slice(0, -1),
        /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\u200f]/u,
      );
    }
  });
}

Deno.test("what a field held is read back from the JSON unchanged", async () => {
  const { log, lines } = await recorded();
  for (const text of HOSTILE) log.info("said", { text });
  assert.deepEqual(lines.map((line) => JSON.parse(line).text), HOSTILE);
});

Deno.test("an error is told with its causes, and with its stack only where we are wrong", async () => {
  const { log, lines } = await recorded();
  const failure = new Error("cannot open it", { cause: new Error("disk is gone") });
  log.warn("retrying", { error: failure });
  log.error("gave up", { error: failure });
  const [warned, failed] = lines.map((line) => JSON.parse(line));
  assert.equal(warned.error, "cannot open it: disk is gone");
  assert.equal(warned.stack, undefined);
  assert.match(failed.stack, /logger_test\.ts/);
});

Deno.test("a line stays short, whatever its fields hold", async () => {
  const { log, lines, only } = await recorded();
  log.info("long", {
    text: "x".repeat(1_000_000),
    many: Array.from({ length: 100_000 }, (_, index) => index),
    bytes: new Uint8Array(1_000_000),
  });
  assert.ok((lines[0]?.length ?? Infinity) < FIELD_LENGTH_MAX * 3);
  assert.equal(only().bytes, "<1000000 bytes>");
});

Deno.test("values that JSON does not know are written all the same", async () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const { log, only } = await recorded();
  log.info("odd", {
    big: 12345678901234567890n,
    nothing: undefined,
    none: null,
    endless: Infinity,
    when: NOON,
    circular,
    throwing: {
      toJSON: () => {
        throw new Error("no");
      },
    },
    ["__proto__"]: "polluted",
    constructor: "a word like any other",
  });
  const line = only();
  assert.equal(line.big, "12345678901234567890");
  assert.equal("nothing" in line, false);
  assert.equal(line.none, null);
  assert.equal(line.endless, "Infinity");
  assert.equal(line.when, NOON.toISOString());
  assert.match(String(line.circular), /^<cannot be written: /);
  assert.equal(line.throwing, "<cannot be written: no>");
  assert.equal(line.constructor, "a word like any other");
});

Deno.test("lines written in a span carry its trace id", async () => {
  const { log, lines } = await recorded();
  const span = silentTracer.startSpan("work");
  await runInSpan(span, async () => {
    await Promise.resolve();
    log.info("inside");
    log.info("with another", { trace_id: "given" });
  });
  log.info("outside");
  assert.deepEqual(lines.map((line) => JSON.parse(line).trace_id), [
    span.traceId,
    "given",
    undefined,
  ]);
});

Deno.test("pretty lines are compact, and coloured only when asked", async () => {
  const plain = await recorded({ format: "pretty", color: false });
  plain.log.info("job assigned", { job_id: "j-1", note: "two words", list: [1, 2] });
  assert.match(
    plain.lines[0] ?? "",
    /^\d\d:\d\d:\d\d\.250 {2}INFO {3}master {2}job assigned {2}job_id=j-1 note="two words" list=\[1,2\]\n$/,
  );
  const colored = await recorded({ format: "pretty", color: true });
  colored.log.error("failed");
  assert.ok(colored.lines[0]?.includes("\x1b[31mERROR\x1b[0m"));
});

Deno.test("auto is JSON where nobody watches", async () => {
  const { log, only } = await recorded({ format: "auto" });
  log.info("hello");
  assert.equal(only().msg, "hello");
});

Deno.test("the discarding logger takes everything and says nothing", () => {
  discardLogger.child({ a: 1 }).error("unheard", { error: new Error("x") });
  assert.equal(discardLogger.isEnabled("error"), false);
});

Deno.test("a log file that cannot be opened is refused with what to do", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(directory, "file"), "");
    const attempt = (output: string) =>
      createLogger({ level: "info", format: "json", name: "master", output });
    await assert.rejects(attempt(join(directory, "file", "master.log")), (failure: Error) => {
      assert.ok(failure instanceof LogFileError);
      assert.match(
        failure.message,
        /^cannot open the log file ".*master\.log": a part of its path/,
      );
      assert.match(failure.message, /set log\.output to/);
      return true;
    });
    await assert.rejects(attempt(directory), /it is a directory; set log\.output/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

const PROGRAM = `
  import { createLogger } from "${new URL("./mod.ts", import.meta.url)}";
  const log = await createLogger({
    level: "info", format: "auto", output: Deno.args[0], name: "master",
  });
  for (let i = 0; i < 2000; i++) log.info("line", { i });
`;

for (const output of ["stdout", "stderr"] as const) {
  Deno.test(`${output} gets every line, and the other stream none`, async () => {
    const child = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--ext=ts", "-", output],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(PROGRAM));
    await writer.close();
    const outcome = await child.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const lines = text(outcome[output]).trim().split("\n");
    assert.equal(lines.length, 2000);
    assert.equal(JSON.parse(lines[1999] ?? "").i, 1999);
    assert.equal(text(outcome[output === "stdout" ? "stderr" : "stdout"]), "");
  });
}

Deno.test("a reader that goes away costs lines, not the process", async () => {
  const program = `${PROGRAM}
    Deno.stderr.writeSync(new TextEncoder().encode(log.linesLost > 0 ? "lost" : "kept"));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--ext=ts", "-", "stdout"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  assert.equal(await new Response(child.stderr).text(), "lost");
  assert.equal((await child.status).code, 0);
});
