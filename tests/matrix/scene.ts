/**
 * A cluster in the production profile, with certificates, tokens and roles: two masters, of which one
 * leads, and a worker with a port of its own. In it is one of everything that a call could change.
 *
 * @module
 */

import { fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { MasterService } from "../../src/rpc/mod.ts";
import { unusedPorts } from "../ha/ports.ts";
import { Host, until } from "../e2e/support.ts";
import { call, Callers, wireOf } from "./calls.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import {
  goodClaims,
  makeSigningKey,
  makeTokens,
  REVOKED_SUBJECT,
  signed,
  type SigningKey,
  type Tokens,
} from "./tokens.ts";

/** A node, and its ports. */
export interface Node {
  readonly name: "one" | "two" | "w1";
  readonly grpc: number;
  /** Towards the other masters; 0 of a worker. */
  readonly raft: number;
  readonly http: number;
  readonly metrics: number;
}

/** Names of what is there to be changed. */
export interface Things {
  readonly clusterId: string;
  readonly waitingJob: string;
  readonly runningJob: string;
  readonly deadJob: string;
  readonly batch: string;
  readonly schedule: string;
}

type Request<Name extends keyof typeof MasterService.method> = Partial<
  Omit<MessageShape<(typeof MasterService.method)[Name]["input"]>, "$typeName" | "$unknown">
>;
type Answer<Name extends keyof typeof MasterService.method> = MessageShape<
  (typeof MasterService.method)[Name]["output"]
>;

/** Everything that the matrix is about. */
export interface Scene {
  readonly leader: Node;
  readonly follower: Node;
  readonly worker: Node;
  readonly certificates: Certificates;
  readonly key: SigningKey;
  readonly tokens: Tokens;
  readonly things: Things;
  readonly callers: Callers;
  /** Of each node, by its name. */
  readonly processes: ReadonlyMap<string, Deno.ChildProcess>;
  /** Calls as the administrator, at the leader. */
  ask<Name extends keyof typeof MasterService.method>(
    name: Name,
    request: Request<Name>,
  ): Promise<Answer<Name>>;
  /** What the node's audit log has, without its last line, which may not be whole. */
  auditOf(node: Node): Promise<readonly string[]>;
  logOf(node: Node): Promise<string>;
}

const SCHEDULE = "nightly";
const BATCH = "batch-of-two";

/** Starts the cluster, runs the test in it and ends it, whatever happened. */
export async function onScene(test: (scene: Scene) => Promise<void>): Promise<void> {
  const host = new Host();
  let callers: Callers | undefined;
  try {
    const certificates = await makeCertificates(host.directory);
    callers = new Callers(certificates);
    await test(await sceneOn(host, certificates, callers));
  } finally {
    callers?.close();
    await host.stop();
  }
}

async function sceneOn(
  host: Host,
  certificates: Certificates,
  callers: Callers,
): Promise<Scene> {
  const [key, otherKey] = [await makeSigningKey(), await makeSigningKey()];
  const at = (name: string) => join(host.directory, name);
  await Deno.writeTextFile(at("jwt.key"), key.pem, { mode: 0o600 });
  await Deno.writeTextFile(at("jwt.pub"), key.publicKeyPem);
  const tokens = await makeTokens(key, otherKey);
  const ofWorker = { ...goodClaims(), sub: "w1", roles: ["worker"] };
  await Deno.writeTextFile(at("w1.token"), await signed(key, ofWorker), { mode: 0o600 });
  const masters = (["one", "two"] as const).map(nodeNamed);
  const worker = nodeNamed("w1");
  const members = masters.map(({ name, raft }) => `${name}=127.0.0.1:${raft}`).join(",");
  const processes = new Map([
    ...masters.map((master) =>
      [master.name, host.start(["master", ...masterFlags(at, master, members)])] as const
    ),
    [worker.name, host.start(["worker", ...workerFlags(at, worker, masters)])],
  ]);

  let leader: Node | undefined;
  const ask: Scene["ask"] = async (name, request) => {
    if (leader === undefined) throw new Error("invariant: asked before anybody led");
    const method = MasterService.method[name];
    const client = callers.at(leader.grpc, "client");
    const { code, message, answer } = await call(
      client,
      method,
      wireOf(method, request),
      tokens.admin,
    );
    if (answer === undefined) throw new Error(`${name} was answered ${code}: ${message}`);
    return fromBinary(method.output, answer) as never;
  };
  await until("a leader, a follower and a worker", async () => {
    for (const node of masters) {
      const client = callers.at(node.grpc, "client");
      const method = MasterService.method.getClusterHealth;
      const { answer } = await call(client, method, wireOf(method, {}), tokens.admin);
      if (answer === undefined) continue;
      const health = fromBinary(method.output, answer);
      if (health.isLeader && health.activeWorkerCount === 1) leader = node;
    }
    return leader !== undefined;
  });
  const follower = masters.find((node) => node !== leader)!;
  const things = await furnished(ask, certificates);
  return {
    leader: leader!,
    follower,
    worker,
    certificates,
    key,
    tokens,
    things,
    callers,
    processes,
    ask,
    auditOf: async ({ name }) =>
      (await Deno.readTextFile(at(`${name}.audit.log`))).split("\n").slice(0, -1),
    logOf: ({ name }) => Deno.readTextFile(at(`${name}.log`)),
  };
}

/** One of everything that a call could change. */
async function furnished(ask: Scene["ask"], { pairs }: Certificates): Promise<Things> {
  const { clusterId } = await ask("getClusterHealth", {});
  const payload = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const job = async (type: string, value: unknown, options: Record<string, unknown> = {}) =>
    (await ask("submitJob", { type, payload: payload(value), options } as never)).jobId;
  // Nobody has what these need, so that they are still there to be changed in the end.
  const nobody = { require: ["nothing-has-this"] };
  const waitingJob = await job("noop", {}, nobody);
  await job("noop", {}, { ...nobody, batchId: BATCH });
  const runningJob = await job("test_sleep", { duration: "10m" });
  const deadJob = await job("http", { url: "http://127.0.0.1:1/" });
  const timing = { when: { case: "cron", value: "0 0 1 1 *" } };
  const schedule = { name: SCHEDULE, timing, job: { type: "noop", payload: payload({}) } };
  await ask("addSchedule", { schedule } as never);
  for (const name of ["revoked", "revoked master"]) {
    const { fingerprint256 } = new X509Certificate(pairs.get(name)?.cert ?? "");
    const fingerprint = fingerprint256.replaceAll(":", "").toLowerCase();
    await ask("revokeCertificate", { fingerprint256: fingerprint, reason: "lost" });
  }
  await ask("revokeToken", { subject: REVOKED_SUBJECT, reason: "left" });
  await until("a job that runs and one that is dead", async () => {
    const [running, dead] = await Promise.all(
      [runningJob, deadJob].map((jobId) => ask("getJobStatus", { jobId })),
    );
    return running?.job?.status === "running" && dead?.job?.status === "failed";
  });
  return { clusterId, waitingJob, runningJob, deadJob, batch: BATCH, schedule: SCHEDULE };
}

function nodeNamed(name: Node["name"]): Node {
  const [grpc = 0, raft = 0, http = 0, metrics = 0] = unusedPorts(4);
  return { name, grpc, raft, http, metrics };
}

type Place = (name: string) => string;

function masterFlags(at: Place, { name, grpc, raft, http, metrics }: Node, members: string) {
  return [
    `--node-id=${name}`,
    `--initial-cluster=${members}`,
    `--grpc-port=${grpc}`,
    `--bind-addr=127.0.0.1:${raft}`,
    `--http-port=${http}`,
    `--metrics-port=${metrics}`,
    `--data-dir=${at(name)}`,
    "--set=cluster.grpc_bind_host=127.0.0.1",
    "--set=cluster.http_bind_host=127.0.0.1",
    "--set=raft.heartbeat_timeout=200ms",
    "--set=raft.election_timeout=2s",
    `--set=security.jwt.private_key_path=${at("jwt.key")}`,
    ...flagsOf(at, name),
  ];
}

function workerFlags(at: Place, { grpc, http }: Node, masters: readonly Node[]) {
  return [
    "--worker-id=w1",
    `--join=${masters.map((each) => `127.0.0.1:${each.grpc}`).join(",")}`,
    `--token-file=${at("w1.token")}`,
    `--grpc-port=${grpc}`,
    `--data-dir=${at("w1")}`,
    "--set=worker.bind_host=127.0.0.1",
    `--set=worker.http_port=${http}`,
    "--set=worker.heartbeat_interval=500ms",
    // For the job that runs to the end of the test.
    "--set=worker.drain_timeout=1s",
    `--set=security.jwt.public_key_path=${at("jwt.pub")}`,
    ...flagsOf(at, "w1"),
  ];
}

/** Production, but for what a matrix of thousands of calls from one address would run into. */
function flagsOf(at: Place, name: string): string[] {
  return [
    "--profile=production",
    // The shipped one is a service of Kubernetes; here everybody is called by address.
    "--set=security.tls.server_name=",
    `--cert=${at(`${name}.crt`)}`,
    `--key=${at(`${name}.key`)}`,
    `--ca-cert=${at("ca.crt")}`,
    `--log-output=${at(`${name}.log`)}`,
    `--set=log.audit_output=${at(`${name}.audit.log`)}`,
    "--set=security.rate_limit.enabled=false",
    "--set=security.reload_interval=1h",
  ];
}
