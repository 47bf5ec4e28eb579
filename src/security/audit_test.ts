import assert from "node:assert/strict";
import fc from "fast-check";
import { type AuditEvent, AuditLog, openAuditLog } from "./audit.ts";
import { CHAIN_START, verifyAuditFile } from "./audit_chain.ts";
import type { AuditSink } from "./audit_sink.ts";
import { temporaryDirectory } from "./certificate_fixtures.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const CALL = { method: "/proto.MasterService/SubmitJob", client: "10.0.0.1" };

/** Keeps what is written, and fails when told to. */
class MemorySink implements AuditSink {
  text = "";
  isBroken = false;
  isUnsyncable = false;
  lengthMax = Infinity;
  write(lines: string): void {
    const isFull = this.text.length + lines.length > this.lengthMax;
    if (this.isBroken || isFull) throw new Error("no space left on device");
    this.text += lines;
  }
  syncs = 0;
  readonly triedAgain = Promise.withResolvers<void>();
  sync(): void {
    if (++this.syncs > 1) this.triedAgain.resolve();
    if (this.isUnsyncable) throw new Error("input/output error");
  }
  close(): void {}
  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
}

function inMemory() {
  const sink = new MemorySink();
  const failures: unknown[] = [];
  const lost: number[] = [];
  const told = { lostAtOnce: 0 };
  const log = new AuditLog(sink, undefined, {
    failed: (failure) => failures.push(failure),
    lineLost: () => told.lostAtOnce++,
    recovered: (lines) => lost.push(lines),
  });
  return { sink, failures, lost, told, log };
}

function succeeded(userId: string): AuditEvent {
  return { kind: "authentication_succeeded", userId, roles: ["admin"], call: CALL };
}

function lineOf(event: AuditEvent): string {
  const { sink, log } = inMemory();
  log.record(event, NOW_MS);
  log.flush();
  assert.equal(sink.lines.length, 1);
  return sink.lines[0] ?? "";
}

Deno.test("a success starts with the very text that the seed shows", () => {
  assert.ok(
    lineOf(succeeded("admin")).startsWith(
      '{"logger":"audit","msg":"Authentication successful","user_id":"admin",' +
        '"method":"/proto.MasterService/SubmitJob"',
    ),
  );
  assert.ok(
    lineOf({ ...succeeded("admin"), kind: "authorization_succeeded" } as AuditEvent).startsWith(
      '{"logger":"rbac-audit","msg":"Authorization successful","user_id":"admin",' +
        '"method":"/proto.MasterService/SubmitJob"',
    ),
  );
});

Deno.test("a line carries client, latency, job, request and trace, level and time", () => {
  const line = lineOf({
    kind: "authorization_failed",
    userId: "eve",
    roles: ["viewer"],
    reason: "it needs job:submit",
    call: { ...CALL, latencyMs: 1.2345678, jobId: "j1", requestId: "r1", traceId: "t1" },
  });
  assert.deepEqual(JSON.parse(line), {
    logger: "rbac-audit",
    msg: "Authorization failed: permission denied",
    user_id: "eve",
    method: "/proto.MasterService/SubmitJob",
    client: "10.0.0.1",
    latency: 0.001235,
    job_id: "j1",
    request_id: "r1",
    trace_id: "t1",
    roles: ["viewer"],
    reason: "it needs job:submit",
    level: "warn",
    ts: "2026-06-01T00:00:00.000Z",
  });
});

Deno.test("policy changes are logged by the policy logger, in the original's words", () => {
  const role = JSON.parse(
    lineOf({ kind: "role_added", role: "auditor", permissions: ["job:view"] }),
  );
  assert.deepEqual([role.logger, role.msg, role.role], ["policy", "Added new role", "auditor"]);
  const policy = JSON.parse(
    lineOf({ kind: "policy_updated", method: CALL.method, permissions: ["job:submit"] }),
  );
  assert.deepEqual([policy.logger, policy.msg, policy.method], [
    "policy",
    "Updated policy",
    CALL.method,
  ]);
});

Deno.test("one event is one line of printable characters, whatever its values hold", () => {
  const nasty = [
    "a\nb",
    "a\r\nb",
    '"},{"logger":"audit","msg":"forged"',
    "\u001b[31mred",
    "\u202eevil\u2066",
    "a\u2028b\u2029c",
    "\u0085\u009b31m\u007f",
    "\u200b\u200e\ufeff\u00ad",
    "\udb40\udc41",
    "\ud800",
    "\0",
  ];
  for (const text of nasty) {
    const line = lineOf(succeeded(text));
    assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{Cs}]/u, JSON.stringify(text));
    const parsed = JSON.parse(line);
    assert.equal(parsed.msg, "Authentication successful");
    assert.equal(parsed.user_id, text);
  }
});

Deno.test("any text at all stays one parsable line that says what it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const line = lineOf({
        kind: "authentication_failed",
        what: "missing token",
        reason: "no_token",
        call: { ...CALL, requestId: text },
      });
      assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
      if (!/eyJ|bearer|:\/\/|KEY/i.test(text)) assert.equal(JSON.parse(line).request_id, text);
    }),
  );
});

Deno.test("long values are cut, and say how long they were", () => {
  const line = lineOf(succeeded("x".repeat(1_000_000)));
  assert.ok(line.length < 2000);
  assert.match(JSON.parse(line).user_id, /^x{512}\.\.\. \(1000000 characters\)$/);
});

Deno.test("a secret that slips into a value is cut out", () => {
  const secrets = [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "authorization: Bearer hunter2",
    "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
    "https://user:hunter2@example.org/",
  ];
  for (const secret of secrets) {
    const line = lineOf({
      kind: "authentication_failed",
      what: "token validation error",
      reason: "invalid_token",
      error: secret,
      call: CALL,
    });
    assert.doesNotMatch(line, /hunter2|c2lnbmF0dXJl/);
  }
});

Deno.test("what is cut out takes no bracket along", () => {
  const line = lineOf({
    kind: "authentication_failed",
    what: "missing token",
    reason: "no_token",
    error: "present a token (metadata authorization: Bearer TOKEN), or a certificate",
    call: CALL,
  });
  assert.match(line, /\(metadata authorization: \[token\]\), or a certificate/);
});

Deno.test("events of one turn of the event loop are written together, before the next turn", async () => {
  const { sink, log } = inMemory();
  log.record(succeeded("a"), NOW_MS);
  log.record(succeeded("b"), NOW_MS);
  assert.equal(sink.text, "");
  await Promise.resolve();
  assert.deepEqual(sink.lines.map((line) => JSON.parse(line).user_id), ["a", "b"]);
});

Deno.test("lines that cannot be written wait, are reported once, and are written later, which is told too", () => {
  const { sink, log, failures, lost, told } = inMemory();
  sink.isBroken = true;
  for (let index = 0; index < 10_050; index++) log.record(succeeded(`${index}`), NOW_MS);
  log.flush();
  log.flush();
  assert.equal(failures.length, 1);
  assert.deepEqual(lost, []);
  assert.equal(told.lostAtOnce, 50);
  sink.isBroken = false;
  log.close();
  assert.deepEqual(lost, [50]);
  assert.equal(sink.lines.length, 10_001);
  assert.equal(JSON.parse(sink.lines[0] ?? "").user_id, "0");
  const last = JSON.parse(sink.lines.at(-1) ?? "");
  assert.deepEqual([last.msg, last.count, last.level], ["Audit lines lost", 50, "error"]);
});

Deno.test("of lines that wait as many are written as there is room for, each once", () => {
  const { sink, log, lost } = inMemory();
  sink.isBroken = true;
  for (let index = 0; index < 1_000; index++) log.record(succeeded(`${index}`), NOW_MS);
  log.flush();
  [sink.isBroken, sink.lengthMax] = [false, 150_000];
  log.flush();
  const line = sink.text.length / sink.lines.length;
  assert.ok(sink.text.length > 150_000 - 2 * line, `${sink.lines.length} of 1,000 are written`);
  assert.ok(sink.lines.length < 1_000);
  assert.deepEqual(lost, []);
  sink.lengthMax = Infinity;
  log.close();
  assert.deepEqual(sink.lines.map((line) => JSON.parse(line).user_id), [
    ...Array.from({ length: 1_000 }, (_, index) => `${index}`),
  ]);
  assert.deepEqual(lost, [0]);
});

Deno.test("a log that cannot be synced is told of once, and when it is synced again, with all that was lost", async () => {
  const sink = new MemorySink();
  const [failed, recovered] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()];
  let failures = 0;
  const log = new AuditLog(sink, undefined, {
    failed() {
      failures++;
      failed.resolve();
    },
    recovered: recovered.resolve,
  });
  sink.isUnsyncable = true;
  log.record(succeeded("a"), NOW_MS);
  await failed.promise;
  await sink.triedAgain.promise;
  // That lines were lost meanwhile is told with the end of all that did not work.
  sink.isBroken = true;
  for (let index = 0; index < 10_007; index++) log.record(succeeded(`${index}`), NOW_MS);
  log.flush();
  sink.isBroken = false;
  log.flush();
  sink.isUnsyncable = false;
  assert.equal(await recovered.promise, 7);
  assert.equal(failures, 1);
  log.close();
});

Deno.test("an output that fails when it is closed is told of, and hides no other failure", () => {
  const { sink, log, failures } = inMemory();
  const failure = new Error("Input/output error");
  sink.close = () => {
    throw failure;
  };
  log.close();
  assert.deepEqual(failures, [failure]);
});

Deno.test("a file is private, chained, and goes on with its chain after a restart", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit/audit.log`;
  for (const user of ["a", "b", "c"]) {
    const log = openAuditLog({ enabled: true, output: path });
    log?.record(succeeded(user), NOW_MS);
    log?.close();
  }
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  const report = await verifyAuditFile(path);
  assert.deepEqual(report.faults, []);
  assert.deepEqual([report.lines, report.firstSequence, report.lastSequence], [3, 1, 3]);
});

/** A log of `count` lines, spread over several files by rotation. */
async function rotated(directory: string, count: number): Promise<string> {
  const path = `${directory}/audit.log`;
  const log = openAuditLog({ enabled: true, output: path, fileBytesMax: 2000, filesKept: 100 });
  for (let index = 0; index < count; index++) {
    log?.record(succeeded(`user ${index}`), NOW_MS);
    log?.flush();
  }
  log?.close();
  return await Promise.resolve(path);
}

Deno.test("a full file is moved aside, no file outgrows its bound, and the chain runs through all", async () => {
  await using directory = await temporaryDirectory();
  const path = await rotated(directory.path, 50);
  const report = await verifyAuditFile(path);
  assert.deepEqual(report.faults, []);
  assert.equal(report.lines, 50);
  assert.ok(report.files.length > 3);
  for (const file of report.files) assert.ok((await Deno.stat(file)).size <= 2000);
});

Deno.test("only as many moved files are kept as were asked for", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const log = openAuditLog({ enabled: true, output: path, fileBytesMax: 500, filesKept: 2 });
  for (let index = 0; index < 20; index++) {
    log?.record(succeeded(`user ${index}`), NOW_MS);
    log?.flush();
  }
  log?.close();
  const names = [...Deno.readDirSync(directory.path)].map((entry) => entry.name).sort();
  assert.deepEqual(names, ["audit.log", "audit.log.1", "audit.log.2", "audit.log.head"]);
  assert.deepEqual((await verifyAuditFile(path)).faults, []);
});

type Tampering = (lines: string[]) => string[];

const TAMPERING: readonly (readonly [string, string, Tampering])[] = [
  [
    "a value changed",
    "edited",
    (lines) => lines.map((line) => line.replace('"user 2"', '"user X"')),
  ],
  ["a line removed", "gap", (lines) => lines.filter((_, index) => index !== 2)],
  ["two lines swapped", "gap", ([a, b, ...rest]) => [b ?? "", a ?? "", ...rest]],
  ["a line doubled", "gap", (lines) => lines.flatMap((line, i) => i === 1 ? [line, line] : [line])],
  [
    "a line put in",
    "unreadable",
    (lines) =>
      lines.flatMap((line, i) => i === 1 ? ['{"logger":"audit","msg":"forged"}', line] : [line]),
  ],
  [
    "a hash made up",
    "edited",
    (lines) =>
      lines.map((line, i) => i === 1 ? line.replace(/"hash":"[0-9a-f]{4}/, '"hash":"0000') : line),
  ],
];

for (const [what, kind, tamper] of TAMPERING) {
  Deno.test(`${what} is found as ${kind}`, async () => {
    await using directory = await temporaryDirectory();
    const path = `${directory.path}/audit.log`;
    const log = openAuditLog({ enabled: true, output: path });
    for (let index = 0; index < 5; index++) log?.record(succeeded(`user ${index}`), NOW_MS);
    log?.close();
    const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
    await Deno.writeTextFile(path, `${tamper(lines).join("\n")}\n`);
    const report = await verifyAuditFile(path);
    assert.ok(report.faults.some((fault) => fault.kind === kind), JSON.stringify(report.faults));
  });
}

Deno.test("a file missing from the middle of the moved ones is found as a gap", async () => {
  await using directory = await temporaryDirectory();
  const path = await rotated(directory.path, 50);
  const count = (await verifyAuditFile(path)).files.length;
  for (let index = 2; index < count - 1; index++) {
    await Deno.rename(`${path}.${index + 1}`, `${path}.${index}`);
  }
  const { faults } = await verifyAuditFile(path);
  assert.deepEqual(faults.map((fault) => fault.kind), ["gap"]);
});

Deno.test("a line torn by a crash is kept apart from the next one, and reported", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const write = (user: string) => {
    const log = openAuditLog({ enabled: true, output: path });
    log?.record(succeeded(user), NOW_MS);
    log?.close();
  };
  write("a");
  await Deno.writeTextFile(path, '{"logger":"audit","msg":"Authen', { append: true });
  assert.deepEqual((await verifyAuditFile(path)).faults.map((fault) => fault.kind), ["torn"]);
  write("b");
  const report = await verifyAuditFile(path);
  assert.deepEqual(report.faults.map((fault) => [fault.line, fault.kind]), [[2, "unreadable"]]);
  assert.equal(report.lines, 3);
});

Deno.test("a line torn by a crash in a full file is ended in that file", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const write = (fileBytesMax: number) => {
    const log = openAuditLog({ enabled: true, output: path, fileBytesMax });
    log?.record(succeeded("a"), NOW_MS);
    log?.close();
  };
  write(1_000_000);
  await Deno.writeTextFile(path, '{"logger":"audit","msg":"Authen', { append: true });
  write(100);
  const { faults } = await verifyAuditFile(path);
  assert.deepEqual(faults.map(({ line, kind }) => [line, kind]), [[2, "unreadable"]]);
  assert.ok(!(await Deno.readTextFile(path)).startsWith("\n"));
});

Deno.test("an audit file that cannot be opened, or that another writer has, is named", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await Deno.writeTextFile(`${directory.path}/file`, "");
  assert.throws(
    () => openAuditLog({ enabled: true, output: `${directory.path}/file/audit.log` }),
    /log\.audit_output: cannot write ".*file\/audit\.log"/,
  );
  const first = openAuditLog({ enabled: true, output: path });
  assert.throws(
    () => openAuditLog({ enabled: true, output: path }),
    /another process writes ".*audit\.log": give each node a file of its own/,
  );
  first?.close();
  openAuditLog({ enabled: true, output: path })?.close();
});

Deno.test("what cannot be read is named, a directory too", async () => {
  await using directory = await temporaryDirectory();
  for (const path of [directory.path, `${directory.path}/missing`]) {
    await assert.rejects(verifyAuditFile(path), (failure: Error) => {
      assert.ok(failure.message.startsWith(`cannot read "${path}": `), failure.message);
      return true;
    });
  }
});

Deno.test("a log that is not enabled is none", () => {
  assert.equal(openAuditLog({ enabled: false, output: "stdout" }), null);
});

Deno.test("an empty log is in order, and its hash is the chain's start", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  await Deno.writeTextFile(path, "");
  const report = await verifyAuditFile(path);
  assert.deepEqual([report.lines, report.faults, report.lastHash], [0, [], CHAIN_START.hash]);
  await assert.rejects(verifyAuditFile(`${directory.path}/none.log`), /cannot read/);
});

const WRITER = `
const { openAuditLog } = await import(Deno.args[0]);
const log = openAuditLog({ enabled: true, output: Deno.args[1] });
const call = { method: "/proto.MasterService/SubmitJob", client: "10.0.0.1" };
log.record({ kind: "authentication_succeeded", userId: "admin", roles: ["admin"], call }, 0);
queueMicrotask(() => Deno.exit(0));
`;

for (const output of ["stdout", "stderr"] as const) {
  Deno.test(`a line for ${output} has left the process before it can end by itself`, async () => {
    await using directory = await temporaryDirectory();
    await Deno.writeTextFile(`${directory.path}/writer.ts`, WRITER);
    const written = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--config",
        new URL("../../deno.json", import.meta.url).pathname,
        `${directory.path}/writer.ts`,
        new URL("audit.ts", import.meta.url).href,
        output,
      ],
    }).output();
    const text = new TextDecoder().decode(written[output]);
    assert.equal(JSON.parse(text).user_id, "admin");
    assert.ok(text.endsWith("}\n"));
  });
}
