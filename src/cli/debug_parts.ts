/**
 * The parts of a debug bundle. Each is made by itself, so that one that cannot be had costs no other;
 * none holds payloads, results, log lines or errors of jobs.
 *
 * @module
 */

import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  describeConfig,
  examineConfig,
  type ExaminedConfig,
  renderConfig,
  type Role,
} from "../config/mod.ts";
import { inspectRaftLog, inspectSnapshot } from "../master/mod.ts";
import type { ClusterHealthView } from "../rpc/mod.ts";
import { overviewJson } from "./cluster.ts";
import { flagsFrom } from "./config_flags.ts";
import { tokenSource, withClient } from "./connect.ts";
import { doctorReport } from "./doctor.ts";
import { reportJson, snapshotJson } from "./inspect.ts";
import { membersJson, withMemberClient } from "./members.ts";
import { timeText } from "./present.ts";
import { workerJson } from "./present_workers.ts";
import type { Flags } from "./router.ts";
import { standingJson } from "./settings.ts";
import { printable, silentTerminal } from "./terminal.ts";
import { programFacts } from "./version.ts";
import { answerOf, type AskOptions, pageUrl } from "./health.ts";

/** One file of a bundle. */
export interface Part {
  readonly name: string;
  readonly what: string;
  readonly make: () => string | Promise<string>;
  /** While it is made nothing else of this process goes on: it reads whole files, or measures a disk. */
  readonly holdsUp?: boolean;
}

/** The end of a log is what matters. */
const LOG_BYTES_MAX = 2 * 2 ** 20;
const JOBS_MAX = 200;
const PAGE_TIMEOUT_MS = 3_000;
const PAGE_CHARACTERS_MAX = 8 * 2 ** 20;

/** Every secret that this process knows: of the configuration, the token that it would present. */
export function secretsOf(role: Role, flags: Flags): string[] {
  const { config, values } = examined(role, flags);
  const token = tryToken(config);
  return [
    ...values,
    ...secretVariables(Deno.env.toObject()),
    ...(token === undefined ? [] : [token]),
  ];
}

/** What the environment holds under a name that speaks of secrets, whoever reads it. */
export function secretVariables(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) => {
    const isPlace = /_(FILE|PATH|DIR|URL)$/i.test(name);
    const isSecret = /KEY|SECRET|TOKEN|PASS|CREDENTIAL|HEADERS/i.test(name);
    if (!isSecret || isPlace) return [];
    // Headers of OpenTelemetry: name=value,name=value.
    return [value, ...value.split(",").map((each) => each.slice(each.indexOf("=") + 1).trim())];
  }).filter((value) => value !== "");
}

/** A token that cannot be read is no secret that could be told. */
function tryToken(config: ExaminedConfig["config"]): string | undefined {
  try {
    return tokenSource(config)();
  } catch (failure) {
    if (failure instanceof Error) return undefined;
    throw failure;
  }
}

/** All parts, in the order of the archive. */
export function bundleParts(role: Role, flags: Flags): Part[] {
  const { loaded } = examined(role, flags);
  const { config } = loaded;
  const called = <Answer>(ask: Parameters<typeof withClient<Answer>>[2]) =>
    withClient(flags, silentTerminal(), ask);
  let standing: Promise<ClusterHealthView> | undefined;
  const health = () => standing ??= called(({ client }) => client.clusterHealth());
  /** Of what the leader alone tells: calls would wait for one, each as long as it may. */
  const ofLeader = <Answer>(ask: Parameters<typeof withClient<Answer>>[2]) =>
    led(health).then(() => called(ask));
  const logs = [
    ...(flags.log as string[] | undefined ?? []),
    ...(isFile(config.log.output) ? [config.log.output] : []),
  ];
  const pages: [string, string][] = role === "client"
    ? []
    : role === "master"
    ? [["ready", "ready.txt"], ["cluster/status", "cluster_status.json"], [
      "failover/status",
      "failover_status.json",
    ]]
    : [["ready", "ready.txt"]];
  return [
    part("version.json", "this program and this host", () => json(hostFacts())),
    part(
      "config.json",
      "every key with its source, secrets masked",
      () => renderConfig(loaded, "json"),
    ),
    part("environment.json", "variables that the program reads, by name", environment),
    holdingUp(part(
      "doctor.json",
      "what conductor doctor says",
      async () => json(await doctorReport(role, flags)),
    )),
    part(
      "cluster.json",
      "leader, members, log and queue",
      async () => json(overviewJson(await health())),
    ),
    part(
      "members.json",
      "the masters as their leader sees them",
      async () => {
        await led(health);
        return await withMemberClient(
          flags,
          silentTerminal(),
          async (client) => json(membersJson(await client.listMembers())),
        );
      },
    ),
    part(
      "workers.json",
      "who works, and what it uses",
      () => ofLeader(async ({ client }) => json((await client.listWorkers()).map(workerJson))),
    ),
    part(
      "queues.json",
      "queues and their settings",
      () =>
        ofLeader(async ({ client }) =>
          json((await client.listStandings("queue")).map((each) => standingJson("queue", each)))
        ),
    ),
    part(
      "types.json",
      "job types and their settings",
      () =>
        ofLeader(async ({ client }) =>
          json((await client.listStandings("type")).map((each) => standingJson("type", each)))
        ),
    ),
    part(
      "jobs.json",
      `the newest ${JOBS_MAX} jobs, as the master that answers has them: ids, types, states and times`,
      // Not the leader's: where nobody leads, bundles are wanted most.
      () =>
        called(async ({ client }) =>
          json((await client.listJobs({ limit: JOBS_MAX, stale: true })).jobs.map(jobFacts))
        ),
    ),
    ...pages.map(([page, name]) =>
      part(
        name,
        `/${page} of the node on this host`,
        () => fetched(pageUrl(config, role as "master" | "worker", page), config),
      )
    ),
    ...(role === "client" || !config.metrics.enabled ? [] : [
      part(
        "metrics.txt",
        "metrics of the node on this host",
        () => fetched(metricsUrl(loaded), config),
      ),
    ]),
    ...(role === "master"
      ? [
        holdingUp(part("raft.json", "extent, membership and soundness of this host's log", () =>
          json(reportJson(inspectRaftLog(config.cluster.raftDir), config.cluster.raftDir)))),
        holdingUp(part("state.json", "what this host's state holds, in numbers", () => {
          const path = join(config.cluster.dataDir, "state.db");
          return json(snapshotJson(inspectSnapshot(path), path));
        })),
      ]
      : []),
    ...logs.map((path, at) => part(`log-${at + 1}.txt`, `the end of ${path}`, () => endOf(path))),
  ];
}

/** @throws Error where nobody leads */
async function led(health: () => Promise<ClusterHealthView>): Promise<void> {
  const { leaderId, nodeId } = await health();
  if (leaderId !== "") return;
  throw new Error(
    `nobody leads, as far as ${printable(nodeId)} knows, and only the leader tells of this`,
  );
}

function part(name: string, what: string, make: Part["make"]): Part {
  return { name, what, make };
}

function holdingUp(part: Part): Part {
  return { ...part, holdsUp: true };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function examined(role: Role, flags: Flags) {
  const loaded = examineConfig({
    flags: { ...flagsFrom(flags, role), ...flagsFrom(flags, "client") },
    env: Deno.env.toObject(),
    readTextFile: (path) => Deno.readTextFileSync(path),
    role,
  });
  // What the environment holds under a secret's name is one, even if something stronger holds.
  const values = describeConfig().filter(({ secret }) => secret).flatMap((
    { field, environment },
  ) => [
    valueAt(loaded, field),
    ...environment.map((name) => Deno.env.get(name)),
  ]).filter((each) => typeof each === "string" && each !== "") as string[];
  return { loaded, config: loaded.config, values };
}

/** `config.security.jwt.secretKey` */
function valueAt(loaded: ExaminedConfig, field: string): unknown {
  return field.split(".").reduce<unknown>(
    (value, name) => (value as Record<string, unknown> | undefined)?.[name],
    loaded,
  );
}

function hostFacts(): Record<string, unknown> {
  return {
    ...programFacts(),
    os_release: Deno.osRelease(),
    uptime_seconds: Deno.osUptime(),
    load: Deno.loadavg(),
    memory: Deno.systemMemoryInfo(),
    processors: navigator.hardwareConcurrency,
    time: new Date().toISOString(),
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

/** Which variables are set; what they hold is in `config.json`, as far as it may be told. */
function environment(): string {
  const known = new Set(describeConfig().flatMap((key) => key.environment));
  const names = Object.keys(Deno.env.toObject()).filter((name) =>
    known.has(name) || /^(CONDUCTOR|OTEL)_|^NO_COLOR$|^TZ$|^LANG$/.test(name)
  );
  return json(names.sort());
}

/** No labels, errors, keys or names: they are the jobs' own. */
function jobFacts(job: {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly attempt: number;
  readonly maxRetries: number;
  readonly priority: number;
  readonly assignedTo: string;
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly completedAtMs?: number;
  readonly deadLetter: boolean;
}): Record<string, unknown> {
  return {
    id: job.id,
    type: job.type,
    status: job.status,
    attempt: job.attempt,
    max_retries: job.maxRetries,
    priority: job.priority,
    assigned_to: job.assignedTo,
    created_at: timeText(job.createdAtMs),
    started_at: timeText(job.startedAtMs),
    completed_at: timeText(job.completedAtMs),
    dead_letter: job.deadLetter,
  };
}

/** A master has a port for them; a worker shows them among its pages. */
function metricsUrl({ config, role }: ExaminedConfig): URL {
  const url = pageUrl(config, role === "worker" ? "worker" : "master", "health");
  if (role !== "worker") url.port = String(config.metrics.port);
  url.pathname = config.metrics.path;
  return url;
}

async function fetched(url: URL, config: ExaminedConfig["config"]): Promise<string> {
  const token = tryToken(config);
  const { status, text } = await answerOf(url, PAGE_TIMEOUT_MS, {
    charactersMax: PAGE_CHARACTERS_MAX,
    ...(url.protocol === "https:" ? shown(config) : {}),
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  });
  // `/ready` says with 503 what is missing.
  if (status !== 200 && status !== 503) throw new Error(`${url} answers ${status}`);
  return text;
}

/**
 * What a node on this host is told over TLS, which must prove by the cluster's authority that it is
 * one; its name need not be that of the loopback address.
 */
function shown({ security: { tls } }: ExaminedConfig["config"]): AskOptions {
  const read = (path: string) => path === "" ? undefined : Deno.readTextFileSync(path);
  return {
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
    ca: read(tls.caFile),
    cert: read(tls.certFile),
    key: read(tls.keyFile),
  };
}

/** Whether a log goes where it can be read again. */
function isFile(output: string): boolean {
  return output !== "" && output !== "stdout" && output !== "stderr";
}

function endOf(path: string): string {
  // A node that was started elsewhere means another directory by a path without one.
  if (!existsSync(path)) throw new Error(`there is no ${resolve(path)}; name it by --log FILE`);
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const from = Math.max(0, size - LOG_BYTES_MAX);
    const bytes = new Uint8Array(size - from);
    const text = new TextDecoder().decode(
      bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from)),
    );
    // The first line may have lost its beginning.
    return from === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } finally {
    closeSync(file);
  }
}
