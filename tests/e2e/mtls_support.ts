/**
 * Three masters and a worker that speak TLS with certificates of `conductor certs`, as processes of
 * their own.
 *
 * @module
 */

import { join } from "node:path";
import { JobClient } from "../../src/rpc/mod.ts";
import {
  CertificateAuthority,
  channelOptions,
  createChannelCredentials,
  type IssuedRecord,
  LiveTls,
} from "../../src/security/mod.ts";
import { unusedPorts } from "../ha/ports.ts";
import { eventually } from "../ha/wait.ts";
import type { Host } from "./support.ts";

/** How often nodes look at their files and connections. */
const RELOAD_INTERVAL = "100ms";
const DAY_MS = 86_400_000;

interface Place {
  readonly name: string;
  readonly grpc: number;
  readonly raft: number;
  readonly http: number;
}

/** A cluster below the directory of a host, which also ends its processes. */
export class TlsCluster {
  readonly masters: readonly Place[];
  readonly #host: Host;

  constructor(host: Host, names: readonly string[] = ["m1", "m2", "m3"]) {
    this.#host = host;
    this.masters = names.map((name) => {
      const [grpc = 0, raft = 0, http = 0] = unusedPorts(3);
      return { name, grpc, raft, http };
    });
  }

  at(...parts: string[]): string {
    return join(this.#host.directory, ...parts);
  }

  /** Makes an authority of the program's own, which everybody trusts, and issues to everybody. */
  async issue(ca: string): Promise<void> {
    await this.newAuthority(ca);
    await this.trust(ca);
    await this.issueAnew(ca);
  }

  async newAuthority(ca: string): Promise<CertificateAuthority> {
    return await CertificateAuthority.create(this.at(ca), {
      commonName: ca,
      lifeMs: DAY_MS,
      keyType: "ecdsa-p256",
      nowMs: Date.now(),
    });
  }

  /** Issues to everybody from this authority, over the files that there are. */
  async issueAnew(ca: string): Promise<void> {
    for (const { name } of this.masters) await this.issueTo(ca, name, "master");
    await this.issueTo(ca, "w1", "worker");
    await this.issueTo(ca, "alice", "admin");
  }

  async issueTo(ca: string, name: string, role: string, lifeMs = DAY_MS): Promise<IssuedRecord> {
    const authority = await CertificateAuthority.open(this.at(ca));
    return await authority.issue({
      name,
      role,
      sans: [],
      lifeMs,
      keyType: "ecdsa-p256",
      directory: this.at("nodes"),
      nowMs: Date.now(),
    });
  }

  /** Lets everybody trust these authorities, by one rename. */
  async trust(...authorities: string[]): Promise<void> {
    const pems = await Promise.all(
      authorities.map((ca) => Deno.readTextFile(this.at(ca, "ca.crt"))),
    );
    await Deno.writeTextFile(this.at("trusted.new"), pems.join(""));
    await Deno.rename(this.at("trusted.new"), this.at("trusted.crt"));
  }

  tlsFlags(name: string): string[] {
    return [
      "--tls",
      `--cert=${this.at("nodes", `${name}.crt`)}`,
      `--key=${this.at("nodes", `${name}.key`)}`,
      `--ca-cert=${this.at("trusted.crt")}`,
    ];
  }

  startMasters(
    more: (name: string) => string[] = (name) => this.tlsFlags(name),
  ): Deno.ChildProcess[] {
    const members = this.masters.map(({ name, raft }) => `${name}=127.0.0.1:${raft}`);
    return this.masters.map(({ name, grpc, raft, http }) =>
      this.#host.start([
        "master",
        `--node-id=${name}`,
        `--grpc-port=${grpc}`,
        `--bind-addr=127.0.0.1:${raft}`,
        `--http-port=${http}`,
        `--initial-cluster=${members.join(",")}`,
        `--data-dir=${this.at(name)}`,
        `--log-output=${this.logOf(name)}`,
        "--set=log.format=json",
        `--set=log.audit_output=${this.at(`${name}.audit.log`)}`,
        "--set=metrics.enabled=false",
        "--set=raft.heartbeat_timeout=100ms",
        "--set=raft.election_timeout=1s",
        "--set=worker.heartbeat_interval=200ms",
        "--set=worker.heartbeat_timeout=3s",
        `--set=security.reload_interval=${RELOAD_INTERVAL}`,
        ...more(name),
      ])
    );
  }

  startWorker(more: readonly string[] = this.tlsFlags("w1")): Deno.ChildProcess {
    return this.#host.start([
      "worker",
      `--join=${this.addresses}`,
      "--worker-id=w1",
      "--grpc-port=0",
      `--data-dir=${this.at("w1")}`,
      `--log-output=${this.logOf("w1")}`,
      "--set=log.format=json",
      "--set=worker.heartbeat_interval=200ms",
      "--set=worker.heartbeat_timeout=3s",
      `--set=security.reload_interval=${RELOAD_INTERVAL}`,
      ...more,
    ]);
  }

  get addresses(): string {
    return this.masters.map(({ grpc }) => `127.0.0.1:${grpc}`).join(",");
  }

  logOf(name: string): string {
    return this.at(`${name}.log`);
  }

  async log(name: string): Promise<string> {
    return await Deno.readTextFile(this.logOf(name)).catch(() => "");
  }

  /** Waits until every one of these nodes has written a line that matches. */
  async said(names: readonly string[], pattern: RegExp, after = new Map<string, number>()) {
    await eventually(`${names} say ${pattern}`, async () => {
      const texts = await Promise.all(names.map((name) => this.log(name)));
      const all = texts.every((text, index) =>
        pattern.test(text.slice(after.get(names[index] ?? "") ?? 0))
      );
      return all ? true : undefined;
    });
  }

  /** Where the logs of these nodes end now. */
  async marks(names: readonly string[]): Promise<Map<string, number>> {
    return new Map(
      await Promise.all(names.map(async (name) => [name, (await this.log(name)).length] as const)),
    );
  }

  /** A client that shows the administrator's certificate. */
  async client(name = "alice"): Promise<{ client: JobClient; tls: LiveTls | null }> {
    const tls = await LiveTls.load({
      section: "security.tls",
      profile: "development",
      enabled: true,
      certFile: this.at("nodes", `${name}.crt`),
      keyFile: this.at("nodes", `${name}.key`),
      caFile: this.at("trusted.crt"),
      serverName: "",
      skipVerify: false,
      autoGenerate: false,
      generatedDir: "",
      purpose: "client",
      commonName: name,
      role: "admin",
    });
    const client = new JobClient({
      addresses: this.masters.map(({ grpc }) => `127.0.0.1:${grpc}`),
      credentials: createChannelCredentials(tls),
      grpcOptions: channelOptions(tls),
      messageBytesMax: 4 * 1024 * 1024,
      callTimeoutMs: 30_000,
      dialTimeoutMs: 2_000,
    });
    return { client, tls };
  }
}
