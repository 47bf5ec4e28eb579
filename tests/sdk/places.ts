/**
 * Clusters of the real program for the SDK and its examples: one without TLS and with three masters, one
 * with TLS on both sides, roles and tokens. What reaches them is the environment alone.
 *
 * @module
 */

import { type ConductorClient, connect, fromEnvironment } from "@conductor/conductor/client";
import { AuthorityFixture, writePair } from "../../src/security/certificate_fixtures.ts";
import { issueTokens } from "../../src/security/mod.ts";
import { Host } from "../e2e/support.ts";
import { Cluster } from "../ha/cluster.ts";
import { eventually } from "../ha/wait.ts";

type Variables = Readonly<Record<string, string>>;

/** A cluster, and how programs reach it. */
export interface Place {
  /** For programs that submit and ask. */
  readonly forClients: Variables;
  /** For the worker of that id: a secured cluster holds each to its own name. */
  readonly forWorker: (id: string) => Promise<Variables>;
  readonly client: ConductorClient;
  /**
   * The same for programs that talk to workers with the SDK: where there is a payload key, with it. Workers
   * in other languages have none.
   */
  readonly sealed: { readonly forClients: Variables; readonly client: ConductorClient };
  /** Ends the master that leads, and resolves when another one does; undefined: there is none. */
  readonly failOver: (() => Promise<void>) | undefined;
}

/** Three masters and a built-in worker, in plain text. */
export async function onPlainCluster(test: (place: Place) => Promise<void>): Promise<void> {
  const cluster = new Cluster({ masters: 3, workers: 1 });
  try {
    await cluster.start();
    const addresses = cluster.masters.map((each) => each.grpcAddress).join(",");
    const variables = { CONDUCTOR_WORKER_MASTER_ADDRS: addresses };
    await using client = connect({ ...fromEnvironment(variables), callTimeoutMs: 30_000 });
    await test({
      forClients: variables,
      forWorker: (id) => Promise.resolve({ ...variables, WORKER_ID: id }),
      client,
      sealed: { forClients: variables, client },
      failOver: async () => {
        const leader = await cluster.leader();
        await leader.process.kill();
        await cluster.leader([leader.name]);
      },
    });
  } finally {
    await cluster.stop();
  }
}

/** Encrypts payloads, in the second place. */
const PAYLOAD_KEY = { CONDUCTOR_PAYLOAD_KEY: "q0Jt7dW3nVbYx5kLr9sAe2fHu6iOp1cZmG8vX4yT0wQ=" };
const SECRET = "mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE=";

/** One master and a built-in worker; certificates on both sides, roles by tokens. */
export async function onSecuredCluster(test: (place: Place) => Promise<void>): Promise<void> {
  const host = new Host();
  try {
    const authority = await AuthorityFixture.create("cluster authority");
    const filesOf = async (name: string, role: string) => {
      const pair = await authority.issue({ commonName: name, roles: [role] });
      return await writePair(host.directory, name, pair, authority.pem);
    };
    const flagsOf = async (name: string, role: string) => {
      const files = await filesOf(name, role);
      return [
        "--set=security.tls.enabled=true",
        "--set=security.tls.skip_verify=false",
        "--set=security.tls.auto_generate=false",
        `--set=security.tls.cert_file=${files.certFile}`,
        `--set=security.tls.key_file=${files.keyFile}`,
        `--set=security.tls.ca_file=${files.caFile}`,
      ];
    };
    const variablesOf = async (name: string, role: string, tokenRole: string) => {
      const files = await filesOf(name, role);
      return {
        MASTER_ADDR: host.grpcAddress,
        SECURITY_TLS_ENABLED: "true",
        SECURITY_TLS_CA_FILE: files.caFile,
        SECURITY_TLS_CERT_FILE: files.certFile,
        SECURITY_TLS_KEY_FILE: files.keyFile,
        CONDUCTOR_TOKEN: await tokenOf(tokenRole, name),
      };
    };
    host.start([
      "master",
      ...host.masterFlags(),
      ...await flagsOf("m1", "master"),
      "--set=security.rbac.enabled=true",
      `--set=security.jwt.secret_key=${SECRET}`,
    ]);
    const forClients = await variablesOf("someone", "client", "operator");
    const forWorker = async (id: string) => ({
      ...await variablesOf(id, "worker", "worker"),
      ...PAYLOAD_KEY,
      WORKER_ID: id,
    });
    const forSealing = { ...forClients, ...PAYLOAD_KEY };
    await using client = connect({ ...fromEnvironment(forClients), callTimeoutMs: 30_000 });
    await using sealing = connect({ ...fromEnvironment(forSealing), callTimeoutMs: 30_000 });
    await eventually("the secured master leads", async () => {
      const health = await client.health().catch(() => undefined);
      return health?.isLeader ? true : undefined;
    });
    host.startWorker(
      "w1",
      ...await flagsOf("w1", "worker"),
      `--token=${await tokenOf("worker", "w1")}`,
      `--set=security.payload_key=${PAYLOAD_KEY.CONDUCTOR_PAYLOAD_KEY}`,
    );
    const sealed = { forClients: forSealing, client: sealing };
    await test({ forClients, forWorker, client, sealed, failOver: undefined });
  } finally {
    await host.stop();
  }
}

async function tokenOf(role: string, subject: string): Promise<string> {
  const { accessToken } = await issueTokens({
    issuer: "conductor-dev",
    secret: SECRET,
    profile: "development",
    audience: "conductor-api",
  }, {
    subject,
    roles: [role],
    accessTtlMs: 3_600_000,
    refreshTtlMs: 3_600_000,
    nowMs: Date.now(),
  });
  return accessToken;
}
