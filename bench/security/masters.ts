/**
 * Masters as processes, either with every protection that there is or with none, and otherwise alike.
 *
 * @module
 */

import { credentials } from "@grpc/grpc-js";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ChannelOptions, JobClient } from "../../src/rpc/mod.ts";
import {
  CertificateAuthority,
  channelOptions,
  createChannelCredentials,
  issueTokens,
  LiveTls,
} from "../../src/security/mod.ts";
import { NodeProcess } from "../../tests/ha/node_process.ts";
import { unusedPorts } from "../../tests/ha/ports.ts";
import { eventually } from "../../tests/ha/wait.ts";
import { cpuMsOf } from "../suite/meter.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const DAY_MS = 86_400_000;
const [ISSUER, AUDIENCE] = ["conductor-bench", "conductor-api"] as const;
const CLIENT = "bench";

/** A cluster, and a client of it. */
export class ComparedMasters implements AsyncDisposable {
  readonly client: JobClient;
  readonly #processes: readonly NodeProcess[];
  readonly #directory: string;

  private constructor(client: JobClient, processes: readonly NodeProcess[], directory: string) {
    this.client = client;
    this.#processes = processes;
    this.#directory = directory;
  }

  /** Starts them; resolves when jobs are taken. */
  static async start(size: number, isSecured: boolean): Promise<ComparedMasters> {
    const directory = Deno.makeTempDirSync({ prefix: "conductor-bench-" });
    const places = Array.from({ length: size }, (_, index) => {
      const [grpc = 0, raft = 0, http = 0] = unusedPorts(3);
      return { name: `m${index + 1}`, grpc, raft, http };
    });
    const addresses = places.map(({ grpc }) => `127.0.0.1:${grpc}`);
    const protection = isSecured ? await protectionIn(directory, places) : NONE;
    const members = places.map(({ name, raft }) => `${name}=127.0.0.1:${raft}`).join(",");
    const processes = places.map(({ name, grpc, raft, http }) => {
      const process = new NodeProcess(name, MAIN, [
        "master",
        size === 1 ? "--bootstrap" : `--initial-cluster=${members}`,
        `--node-id=${name}`,
        `--grpc-port=${grpc}`,
        `--bind-addr=127.0.0.1:${raft}`,
        `--http-port=${http}`,
        `--data-dir=${join(directory, name)}`,
        `--log-output=${join(directory, `${name}.log`)}`,
        "--log-level=warn",
        "--set=metrics.enabled=false",
        "--set=scheduler.max_pending_jobs=100000000",
        "--set=raft.snapshot_threshold=16384",
        ...protection.flagsOf(name),
      ], () => {});
      process.start();
      return process;
    });
    const client = new JobClient({
      addresses,
      messageBytesMax: 4 * 1024 * 1024,
      callTimeoutMs: 30_000,
      dialTimeoutMs: 2_000,
      ...protection.channel,
    });
    const masters = new ComparedMasters(client, processes, directory);
    await eventually("jobs are taken", async () => {
      if (processes.some(({ hasDied }) => hasDied)) {
        throw new Error(`a master ended: ${await processes.find((each) => each.hasDied)?.said}`);
      }
      return await client.clusterHealth().then(() => true, () => undefined);
    }, 120_000);
    return masters;
  }

  /** Processor time that they have used, in ms. */
  cpuMs(): number {
    return this.#processes.reduce(
      (sum, { pid }) => sum + (pid === undefined ? 0 : cpuMsOf(pid)),
      0,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await Promise.all(this.#processes.map((each) => each.retire()));
    await Deno.remove(this.#directory, { recursive: true });
  }
}

/** What masters are told, and how a client reaches them. */
interface Protection {
  readonly flagsOf: (name: string) => readonly string[];
  readonly channel: Pick<ChannelOptions, "credentials" | "grpcOptions" | "token">;
}

const NONE: Protection = {
  flagsOf: () => ["--set=log.audit_enabled=false"],
  channel: { credentials: credentials.createInsecure() },
};

/** Mutual TLS on every channel, tokens signed with ES256, roles, limits that nobody meets, the audit log. */
async function protectionIn(
  directory: string,
  places: readonly { readonly name: string }[],
): Promise<Protection> {
  const nowMs = Date.now();
  const authority = await CertificateAuthority.create(join(directory, "ca"), {
    commonName: "Bench CA",
    lifeMs: DAY_MS,
    keyType: "ecdsa-p256",
    nowMs,
  });
  const issue = (name: string, role: string) =>
    authority.issue({
      name,
      role,
      sans: [],
      lifeMs: DAY_MS,
      keyType: "ecdsa-p256",
      directory: join(directory, "nodes"),
      nowMs,
    });
  for (const { name } of places) await issue(name, "master");
  await issue(CLIENT, "client");
  const filesOf = (name: string) => ({
    certFile: join(directory, "nodes", `${name}.crt`),
    keyFile: join(directory, "nodes", `${name}.key`),
    caFile: join(directory, "ca", "ca.crt"),
  });
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await Deno.writeTextFile(join(directory, "jwt.key"), privateKeyPem, { mode: 0o600 });
  const { accessToken } = await issueTokens(
    { profile: "production", secret: "", privateKeyPem, issuer: ISSUER, audience: AUDIENCE },
    { subject: CLIENT, roles: ["operator"], accessTtlMs: DAY_MS, refreshTtlMs: DAY_MS, nowMs },
  );
  const tls = await LiveTls.load({
    section: "security.tls",
    profile: "production",
    enabled: true,
    ...filesOf(CLIENT),
    serverName: "",
    skipVerify: false,
    autoGenerate: false,
    generatedDir: "",
    purpose: "client",
    commonName: CLIENT,
    role: "client",
  });
  return {
    channel: {
      credentials: createChannelCredentials(tls, { serverRole: "master" }),
      grpcOptions: channelOptions(tls),
      token: () => accessToken,
    },
    flagsOf: (name) => {
      const { certFile, keyFile, caFile } = filesOf(name);
      return [
        "--tls",
        `--cert=${certFile}`,
        `--key=${keyFile}`,
        `--ca-cert=${caFile}`,
        `--set=security.jwt.private_key_path=${join(directory, "jwt.key")}`,
        `--set=security.jwt.issuer=${ISSUER}`,
        `--set=security.jwt.audience=${AUDIENCE}`,
        "--set=security.jwt.skip_expiry=false",
        "--set=security.rbac.enabled=true",
        "--set=security.rate_limit.enabled=true",
        "--set=security.rate_limit.requests_per_sec=1000000",
        "--set=security.rate_limit.burst=1000000",
        "--set=log.audit_enabled=true",
        `--set=log.audit_output=${join(directory, `${name}.audit.log`)}`,
      ];
    },
  };
}
