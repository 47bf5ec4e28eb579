/** The audit log of a real master: what is in it, that it is whole, and that tampering shows. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { MasterService, methodPath } from "../../src/rpc/mod.ts";
import { end, type Host, onHost, run, until } from "./support.ts";

const SECRET = "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=";

type MethodName = keyof typeof MasterService.method;

/**
 * Requests of the calls that change how the cluster is run, as whatever comes of them is in the audit
 * log by name; null: calls of users, workers and readers, of which the gate's own line tells.
 */
const ACTS: Readonly<Record<MethodName, Record<string, unknown> | null>> = {
  submitJob: null,
  submitJobs: null,
  submitStream: null,
  getJobStatus: null,
  listJobs: null,
  cancelJob: { jobId: "none", reason: "r" },
  cancelJobs: { filter: { type: "none" }, reason: "r" },
  watchJob: null,
  getBatch: null,
  watchBatch: null,
  cancelBatch: { batchId: "none" },
  listBatches: null,
  getParentResult: null,
  joinCluster: { nodeId: "m9", address: "127.0.0.1:9", incarnation: "i", entryFormat: 2 },
  registerWorker: null,
  heartbeat: null,
  reportResult: null,
  deregisterWorker: null,
  workerSession: null,
  drainWorker: { workerId: "w9" },
  listTypes: null,
  listQueues: null,
  configure: { scope: "type", name: "noop", paused: true },
  listDLQ: null,
  retryFromDLQ: { jobId: "none" },
  retryDeadLetters: { all: true },
  purgeDeadLetters: { all: true },
  addSchedule: {
    schedule: {
      name: "s",
      timing: { when: { case: "cron", value: "0 0 * * *" } },
      job: { type: "noop" },
    },
  },
  listSchedules: null,
  getSchedule: null,
  removeSchedule: { name: "none" },
  pauseSchedule: { name: "none" },
  resumeSchedule: { name: "none" },
  triggerSchedule: { name: "none" },
  nextRuns: null,
  getClusterHealth: null,
  listWorkers: null,
  getWorker: null,
  listMembers: null,
  addMember: { nodeId: "m8", raftAddress: "127.0.0.1:9", grpcAddress: "127.0.0.1:8" },
  promoteMember: { nodeId: "none" },
  removeMember: { nodeId: "none" },
  transferLeadership: { to: "none" },
  takeSnapshot: {},
  backup: {},
  issueToken: { subject: "ci", roles: ["viewer"] },
  refreshToken: null,
  enrolWorker: { workerId: "w8", requestKey: "0123456789abcdef0123456789abcdef" },
  revokeToken: { subject: "gone", reason: "left" },
  revokeCertificate: { fingerprint256: "ab".repeat(32), reason: "lost" },
  listRevocations: null,
  getPolicy: null,
  setPolicy: { text: "{", expectedRevision: 0n },
  testPolicy: null,
};

/** Calls a method with a message as it is on the wire; resolves when the call is over, however. */
function callRaw(
  client: Client,
  name: MethodName,
  request: Record<string, unknown>,
  token?: string,
): Promise<number> {
  const method = MasterService.method[name];
  const bytes = toBinary(method.input, create(method.input, request as never));
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  const same = (value: Uint8Array) => Buffer.from(value);
  const deadline = { deadline: Date.now() + 20_000 };
  return new Promise((resolve) => {
    const call = client.makeServerStreamRequest(
      methodPath(method),
      same,
      same,
      bytes,
      metadata,
      deadline,
    );
    call.on("data", () => {});
    call.on("error", () => {});
    call.on("status", ({ code }) => resolve(code));
  });
}

/** Lines of the log and of what was moved aside, in no order. */
async function linesOf(host: Host): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  for await (const { name } of Deno.readDir(host.directory)) {
    if (!/^audit\.log(\.\d+)?$/.test(name)) continue;
    const text = await Deno.readTextFile(join(host.directory, name));
    for (const line of text.trimEnd().split("\n")) if (line !== "") lines.push(JSON.parse(line));
  }
  return lines;
}

Deno.test("the audit log of a master", (t) =>
  onHost(async (host) => {
    const path = join(host.directory, "audit.log");
    const master = await host.startMaster(
      `--set=security.jwt.secret_key=${SECRET}`,
      "--set=security.rbac.enabled=true",
      "--set=security.rate_limit.enabled=false",
      "--set=log.audit_max_size=8KiB",
      "--set=log.audit_max_files=100",
      "--log-level=error",
    );
    const root = join(host.directory, "root.token");
    await host.clientGiven(
      { environment: { JWT_SECRET_KEY: SECRET } },
      ..."token issue --offline --subject root --role admin --ttl 1h --out".split(" "),
      root,
    );
    const token = (await Deno.readTextFile(root)).split("\n")[0]!;
    const client = new Client(host.grpcAddress, credentials.createInsecure());

    await t.step("every call without a token is in it, and every page", async () => {
      for (const name of Object.keys(ACTS) as MethodName[]) {
        if (name !== "refreshToken") assert.equal(await callRaw(client, name, {}), 16, name);
      }
      for (const page of ["/cluster/status", "/failover/status"]) {
        assert.equal((await fetch(host.httpUrl + page)).status, 401);
      }
      const refused = (await linesOf(host)).filter(({ reason }) => reason === "no_token")
        .map(({ method }) => method);
      const expected = Object.values(MasterService.method).map(methodPath)
        .filter((method) => !method.endsWith("/RefreshToken"));
      assert.deepEqual(
        [...expected, "GET /cluster/status", "GET /failover/status"].filter((method) =>
          !refused.includes(method)
        ),
        [],
      );
    });

    await t.step("moved away by another, it goes on in a new file after SIGHUP", async () => {
      // As logrotate does it: the latest becomes number 1, and the others move up.
      const names = [...Deno.readDirSync(host.directory)].map(({ name }) => name)
        .flatMap((name) => /^audit\.log\.(\d+)$/.exec(name)?.[1] ?? []).map(Number);
      for (const number of names.sort((a, b) => b - a)) {
        await Deno.rename(`${path}.${number}`, `${path}.${number + 1}`);
      }
      await Deno.rename(path, `${path}.1`);
      master.kill("SIGHUP");
      await until("a new audit log", async () => {
        const stat = await Deno.stat(path).catch(() => undefined);
        return stat !== undefined;
      });
    });

    await t.step("every administrative act is in it, whatever came of it", async () => {
      const before = (await linesOf(host)).filter(isAct).length;
      const missing: string[] = [];
      let known = before;
      for (const name of Object.keys(ACTS) as MethodName[]) {
        const request = ACTS[name];
        if (request === null) continue;
        const code = await callRaw(client, name, request, token);
        const acts = (await linesOf(host)).filter(isAct).length;
        if (acts === known) missing.push(`${name} (${code})`);
        known = acts;
      }
      assert.deepEqual(missing, []);
    });
    client.close();

    await t.step("it is whole, over all its files, and tampering shows", async () => {
      assert.equal(await end(master, "SIGTERM"), 0);
      const whole = await run(["audit", "verify", path, "--output=json"]);
      assert.equal(whole.code, 0, whole.stdout + whole.stderr);
      const answer = JSON.parse(whole.stdout);
      assert.ok(answer.whole && answer.logs[0].files.length > 3);
      assert.equal(answer.logs[0].first_number, 1);

      const text = await Deno.readTextFile(`${path}.1`);
      await Deno.writeTextFile(`${path}.1`, text.replace(/"(root|127\.0\.0\.1)"/, '"eve"'));
      const edited = await run(["audit", "verify", path]);
      assert.equal(edited.code, 1);
      assert.match(edited.stdout, /Whole +NO\n/);
      assert.match(
        edited.stdout,
        /edited +.*audit\.log\.1:\d+: number \d+ is not what was written/,
      );

      await Deno.writeTextFile(`${path}.1`, text);
      const last = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, last.replace(/[^\n]*\n$/, ""));
      const cut = await run(["audit", "verify", path]);
      assert.equal(cut.code, 1);
      assert.match(cut.stdout, /truncated +.*was written, says .*audit\.log\.head/);

      const absent = await run(["audit", "verify", `${path}.none`]);
      assert.equal(absent.code, 2);
      assert.match(absent.stderr, /cannot read/);
    });
  }));

function isAct({ msg }: Record<string, unknown>): boolean {
  return /^(Administrative act: |Generated token pair|Revoked)/.test(String(msg));
}
