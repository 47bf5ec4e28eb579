/**
 * From nothing to a cluster in the production profile, command by command, as docs/security.md tells it.
 *
 * @module
 */

import { freePorts } from "../demo/cluster.ts";
import { eventually, type Program } from "./program.ts";

/** A master, and where it is reached. */
export interface Master {
  readonly name: string;
  readonly grpc: string;
  readonly raft: string;
  readonly http: number;
  readonly metrics: number;
}

/** Somebody who calls the cluster. */
export interface User {
  readonly name: string;
  /** The role of the token. */
  readonly role: string;
  /** The role of the certificate: narrows the token's, except for `client`. */
  readonly certificate: string;
}

/** One of each role, and one whose role the cluster's own policy adds. */
export const USERS: readonly User[] = [
  { name: "alice", role: "admin", certificate: "admin" },
  { name: "oscar", role: "operator", certificate: "operator" },
  { name: "vera", role: "viewer", certificate: "viewer" },
  { name: "walt", role: "worker", certificate: "worker" },
  { name: "ci", role: "submitter", certificate: "client" },
];

/** A cluster that runs. */
export interface SecureCluster {
  readonly masters: readonly Master[];
  readonly leader: Master;
  readonly follower: Master;
}

/** File of a user's configuration, as `CONDUCTOR_CONFIG` names it. */
export const configOf = (name: string) => `${name}.yaml`;
export const CA = "ca/ca.crt";
const SIGNING_KEY = "jwt.key";
const WORKERS = ["w1", "w2"];

type Tell = (line: string) => void;

/** Makes certificates, the signing key and the first token; starts and joins all nodes. */
export async function setUp(program: Program, tell: Tell): Promise<SecureCluster> {
  const masters = ["m1", "m2", "m3"].map((name): Master => {
    const [grpc, raft, http = 0, metrics = 0] = freePorts(4);
    return { name, grpc: `127.0.0.1:${grpc}`, raft: `127.0.0.1:${raft}`, http, metrics };
  });
  const [first, ...others] = masters as [Master, ...Master[]];
  const shown = async (args: readonly string[], config?: string) => {
    tell(`$ conductor ${args.join(" ")}`);
    return await program.done(args, config);
  };

  await shown(["certs", "init", "--dir", "ca"]);
  const holders: [string, string][] = [
    ...masters.map(({ name }): [string, string] => ["master", name]),
    ...WORKERS.map((name): [string, string] => ["worker", name]),
    ...USERS.map(({ name, certificate }): [string, string] => [certificate, name]),
  ];
  await Promise.all(
    holders.map(([role, name]) =>
      shown(["certs", "issue", "--dir", "ca", "--role", role, name, "--out", "nodes"])
    ),
  );
  await writeSigningKey(program.at(SIGNING_KEY));
  for (const master of masters) {
    await Deno.writeTextFile(program.at(`${master.name}.yaml`), masterYaml(master));
  }
  await Deno.writeTextFile(program.at(configOf("root")), clientYaml("root", "alice", masters));
  for (const { name } of USERS) {
    await Deno.writeTextFile(program.at(configOf(name)), clientYaml(name, name, masters));
  }
  await shown([
    ..."token issue --offline --subject root --role admin --ttl 1h --out root.token".split(" "),
    ..."--config m1.yaml".split(" "),
  ]);

  tell("$ conductor master --config m1.yaml --bootstrap &");
  const founder = program.start(["master", "--config", "m1.yaml", "--bootstrap"]);
  await untilUp(founder, "m1 leads", async () => {
    const { code } = await program.run(["cluster", "members"], configOf("root"));
    return code === 0 ? true : undefined;
  });
  await Promise.all([
    ...others.map(({ name }) => ["--join-master", name]),
    ...WORKERS.map((name) => ["--join-worker", name]),
  ].map(([joins = "", name]) =>
    shown(["token", "issue", joins, "--out", `${name}.join`], configOf("root"))
  ));
  for (const { name } of others) {
    const args = ["--config", `${name}.yaml`, "--join", first.grpc, "--token-file", `${name}.join`];
    tell(`$ conductor master ${args.join(" ")} &`);
    program.start(["master", ...args]);
  }
  for (const name of WORKERS) {
    await Deno.writeTextFile(program.at(`${name}.yaml`), workerYaml(name, masters));
    const args = ["--config", `${name}.yaml`, "--token-file", `${name}.join`];
    tell(`$ conductor worker ${args.join(" ")} &`);
    program.start(["worker", ...args]);
  }
  const leader = await eventually("three voters and two workers", async () => {
    const members = await program.run(["cluster", "members", "--output=json"], configOf("root"));
    const workers = await program.run(["workers", "--output=json"], configOf("root"));
    if (members.code !== 0 || workers.code !== 0) return undefined;
    const voters = JSON.parse(members.out).members.filter(isVoter);
    const isWhole = voters.length === masters.length &&
      JSON.parse(workers.out).workers.length === WORKERS.length;
    return isWhole ? String(voters.find(isLeader)?.id ?? "") || undefined : undefined;
  });

  tell("$ conductor rbac show --file policy.json     (and the role submitter is added to it)");
  await program.done(["rbac", "show", "--file", "policy.json"], configOf("root"));
  const policy = JSON.parse(await Deno.readTextFile(program.at("policy.json")));
  policy.roles.push({
    name: "submitter",
    description: "Submits jobs and looks at them",
    permissions: ["job:submit", "job:view"],
  });
  await Deno.writeTextFile(program.at("policy.json"), JSON.stringify(policy, null, 2));
  await shown(["rbac", "set", "policy.json"], configOf("root"));
  await Promise.all(USERS.map(({ name, role }) =>
    shown(
      ["token", "issue", "--subject", name, "--role", role, "--out", `${name}.token`],
      configOf("root"),
    )
  ));
  const named = (name: string) => masters.find((each) => each.name === name);
  const follower = masters.find(({ name }) => name !== leader);
  return { masters, leader: named(leader) ?? first, follower: follower ?? first };
}

interface MemberJson {
  readonly id: string;
  readonly role: string;
  readonly suffrage: string;
}

const isVoter = ({ suffrage }: MemberJson) => suffrage === "voter";
const isLeader = ({ role }: MemberJson) => role === "leader";

/** Waits, and gives up at once when the process ends. */
async function untilUp(
  node: Deno.ChildProcess,
  what: string,
  ask: () => Promise<true | undefined>,
): Promise<void> {
  let ended: Deno.CommandStatus | undefined;
  node.status.then((status) => ended = status);
  await eventually(what, () => {
    if (ended !== undefined) throw new Error(`a node ended with ${ended.code} before ${what}`);
    return ask();
  });
}

/** As `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` makes one. */
export async function writeSigningKey(path: string): Promise<void> {
  const { privateKey } = await crypto.subtle.generateKey(
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["sign", "verify"],
  );
  const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  const pem = ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
  await Deno.writeTextFile(path, pem, { mode: 0o600, createNew: true });
}

/** Everything that is not said has the production profile's default. */
function masterYaml({ name, grpc, raft, http, metrics }: Master): string {
  return `profile: production
cluster:
  node_id: ${name}
  bind_addr: ${raft}
  grpc_bind_host: 127.0.0.1
  http_bind_host: 127.0.0.1
  http_port: ${http}
  data_dir: ${name}/data
  raft_dir: ${name}/raft
grpc: { master_port: ${grpc.split(":")[1]} }
metrics: { port: ${metrics} }
log: { output: ${name}.log, audit_output: ${name}.audit.log }
security:
  tls: { cert_file: nodes/${name}.crt, key_file: nodes/${name}.key, ca_file: ${CA} }
  jwt: { private_key_path: ${SIGNING_KEY}, leeway: 1s }
`;
}

function workerYaml(name: string, masters: readonly Master[]): string {
  return `profile: production
grpc: { worker_port: 0 }
worker:
  worker_id: ${name}
  master_addrs: ${addresses(masters)}
  bind_host: 127.0.0.1
  http_port: 0
  data_dir: ${name}
log: { output: ${name}.log, audit_output: ${name}.audit.log }
security:
  tls: { cert_file: nodes/${name}.crt, key_file: nodes/${name}.key, ca_file: ${CA} }
`;
}

function clientYaml(name: string, certificate: string, masters: readonly Master[]): string {
  return `profile: production
worker: { master_addrs: ${addresses(masters)} }
security:
  tls: { cert_file: nodes/${certificate}.crt, key_file: nodes/${certificate}.key, ca_file: ${CA} }
  token_file: ${name}.token
`;
}

function addresses(masters: readonly Master[]): string {
  return JSON.stringify(masters.map(({ grpc }) => grpc));
}
