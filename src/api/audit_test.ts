import assert from "node:assert/strict";
import { join } from "node:path";
import { type AuditEvent, type AuditReader, openAuditLog } from "../security/mod.ts";
import { eventsOf, next } from "./events_test_support.ts";
import { serving, strictGate, tokenOf } from "./gateway_test_support.ts";

function failed(reason: string): AuditEvent {
  const call = { method: "/proto.MasterService/SubmitJob", client: "10.0.0.1" };
  return { kind: "authentication_failed", what: "missing token", reason, call };
}

async function logging(work: (reader: AuditReader) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  const output = join(directory, "audit.log");
  const log = openAuditLog({ enabled: true, output });
  assert.ok(log !== null);
  try {
    await work({ log, output });
  } finally {
    log.close();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("the end of the audit log is for administrators alone, as lines of JSON", () =>
  logging(async (reader) => {
    for (let i = 0; i < 5; i++) reader.log.record(failed(`reason ${i}`), Date.now());
    await serving({ gate: await strictGate(), more: { audit: reader } }, async (ask) => {
      const as = async (role: string) => ({
        headers: { authorization: `Bearer ${await tokenOf(role)}` },
      });
      assert.equal((await ask("GET /audit", await as("operator"))).status, 403);
      assert.equal((await ask("GET /audit/stream", await as("viewer"))).status, 403);
      const page = await (await ask("GET /audit?limit=2", await as("admin"))).json();
      assert.deepEqual([page.file, page.truncated], [reader.output, true]);
      assert.deepEqual(page.lines.map((each: { seq: number }) => each.seq), [4, 5]);
      assert.match(page.lines[1].msg, /missing token/);
      assert.equal((await ask("GET /audit?limit=0", await as("admin"))).status, 400);
    });
  }));

Deno.test("the audit log is followed line by line, from where its reader was", () =>
  logging(async (reader) => {
    await serving({ more: { audit: reader } }, async (ask) => {
      const events = eventsOf(await ask("GET /audit/stream"));
      reader.log.record(failed("one"), Date.now());
      const first = await next(events, "audit");
      assert.deepEqual([first.id, first.data.seq], ["1", 1]);
      await events.return(undefined);
      reader.log.record(failed("two"), Date.now());
      reader.log.flush();
      const headers = { "last-event-id": "1" };
      const again = eventsOf(await ask("GET /audit/stream", { headers }));
      assert.equal((await next(again, "audit")).data.seq, 2);
      await again.return(undefined);
    });
  }));

Deno.test("a node without an audit log says so", () =>
  serving({}, async (ask) => {
    const { error } = await (await ask("GET /audit")).json();
    assert.equal(error.code, "FAILED_PRECONDITION");
    assert.match(error.message, /log\.audit_enabled/);
  }));
