/** Audit logs whose files were cut off, moved away, or read beside what was noted of them. */

import assert from "node:assert/strict";
import { openAuditLog } from "./audit.ts";
import { verifyAuditFile } from "./audit_chain.ts";
import { temporaryDirectory } from "./certificate_fixtures.ts";

const CALL = { method: "/proto.MasterService/SubmitJob", client: "10.0.0.1" };

/** Writes a line for each user, and closes the log. */
function write(path: string, ...users: string[]): void {
  const log = openAuditLog({ enabled: true, output: path });
  for (const userId of users) {
    log?.record({ kind: "authentication_succeeded", userId, roles: ["admin"], call: CALL }, 0);
  }
  log?.close();
}

async function kindsOf(path: string, expectedHash?: string): Promise<string[]> {
  return (await verifyAuditFile(path, expectedHash)).faults.map((fault) => fault.kind);
}

Deno.test("lines cut off at the end are missed, by the file that says how far the log went", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  write(path, "a", "b", "c");
  assert.deepEqual(await kindsOf(path), []);
  const lines = (await Deno.readTextFile(path)).split("\n");
  for (const kept of [2, 1, 0]) {
    await Deno.writeTextFile(path, lines.slice(0, kept).map((line) => `${line}\n`).join(""));
    assert.deepEqual(await kindsOf(path), ["truncated"], `${kept} lines kept`);
  }
});

Deno.test("a chain made anew in both files is told from the former by the hash that was noted", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  write(path, "a", "eve");
  const { lastHash } = await verifyAuditFile(path);
  write(path, "c");
  assert.deepEqual(await kindsOf(path, lastHash), [], "it is further up by now");
  await Deno.remove(path);
  write(path, "a", "b", "c");
  assert.deepEqual(await kindsOf(path), []);
  assert.deepEqual(await kindsOf(path, lastHash), ["truncated"]);
});

Deno.test("a log without the file that says how far it went is checked as it stands", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  write(path, "a", "b");
  await Deno.writeTextFile(`${path}.head`, "2 torn");
  assert.deepEqual(await kindsOf(path), []);
  await Deno.remove(`${path}.head`);
  assert.deepEqual(await kindsOf(path), []);
});

Deno.test("after another has moved the file away, the chain goes on in a new one", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/audit.log`;
  const log = openAuditLog({ enabled: true, output: path });
  const record = (userId: string) =>
    log?.record({ kind: "authentication_succeeded", userId, roles: [], call: CALL }, 0);
  record("a");
  log?.reopen();
  record("b");
  log?.flush();
  await Deno.rename(path, `${path}.1`);
  record("c");
  log?.flush();
  log?.reopen();
  record("d");
  log?.close();
  const report = await verifyAuditFile(path);
  assert.deepEqual(report.faults, []);
  assert.deepEqual([report.files.length, report.lines, report.lastSequence], [2, 4, 4]);
  assert.equal((await Deno.stat(`${path}.head`)).mode! & 0o777, 0o600);
});
