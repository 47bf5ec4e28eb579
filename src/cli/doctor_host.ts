/**
 * What this host gives a node: the runtime, file descriptors, ports, disks.
 *
 * @module
 */

import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Config, Role } from "../config/mod.ts";
import { assertRuntimeSafe } from "../security/mod.ts";
import { reasonOf } from "./reason.ts";
import { type Finding, findingsOf } from "./doctor_finding.ts";

/** A node has a descriptor for each connection, and each worker and client has one or more. */
const DESCRIPTORS = { fewerFails: 256, fewerWarns: 4_096 };
const FREE_BYTES = { fewerFails: 256 * 2 ** 20, fewerWarns: 2 * 2 ** 30 };
/** Every acknowledged write waits for an fsync; of several, in ms. */
const FSYNC_MEDIAN_MS = { moreWarns: 10 };
const FSYNCS = 20;
const PAGE_BYTES = 4_096;
/** Numbers of file systems in statfs(2). */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x01021994, "tmpfs"],
  [0x6969, "nfs"],
  [0xff534d42, "cifs"],
  [0xfe534d42, "smb"],
]);

export function runtimeFinding(): Finding {
  const { ok, fail } = findingsOf("runtime");
  const { deno, v8 } = Deno.version;
  try {
    assertRuntimeSafe(deno, "production");
  } catch (failure) {
    return fail("Deno", reasonOf(failure), "use the released program, or a newer Deno");
  }
  return ok("Deno", `${deno}, V8 ${v8}, ${Deno.build.target}`);
}

/** Linux alone tells of its limits by a file. */
export function descriptorFindings(limits: string = readLimits()): Finding[] {
  const { ok, warn, fail } = findingsOf("descriptors");
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  if (soft === undefined) return [];
  const most = soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
  const advice = "raise it: `ulimit -n 65536`, or LimitNOFILE=65536 in the service's unit";
  if (most < DESCRIPTORS.fewerFails) return [fail("open files", `at most ${soft}`, advice)];
  if (most < DESCRIPTORS.fewerWarns) return [warn("open files", `at most ${soft}`, advice)];
  return [ok("open files", `at most ${soft}`)];
}

function readLimits(): string {
  return Deno.build.os === "linux" ? Deno.readTextFileSync("/proc/self/limits") : "";
}

/** Addresses on which a node of that role listens. */
export function listensOn(config: Config, role: "master" | "worker"): [string, string, number][] {
  const { cluster, grpc, metrics, worker } = config;
  const all: [string, string, number][] = role === "master"
    ? [
      ["gRPC", cluster.grpcBindHost, grpc.masterPort],
      ["Raft", ...hostAndPort(cluster.bindAddr)],
      ["HTTP", cluster.httpBindHost, cluster.httpPort],
      ["metrics", cluster.httpBindHost, metrics.enabled ? metrics.port : 0],
    ]
    : [["gRPC", worker.bindHost, grpc.workerPort], ["HTTP", worker.bindHost, worker.httpPort]];
  return all.filter(([, , port]) => port !== 0);
}

function hostAndPort(address: string): [string, number] {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon).replace(/^\[|\]$/g, ""), Number(address.slice(colon + 1))];
}

/**
 * @param runs whether a node of this configuration answers on this host: then its ports must be taken,
 * otherwise they must be free
 */
export function portFinding(
  [what, hostname, port]: readonly [string, string, number],
  runs: boolean,
): Finding {
  const { ok, warn, fail } = findingsOf("port");
  const subject = `${what} ${hostname}:${port}`;
  try {
    Deno.listen({ hostname, port }).close();
  } catch (failure) {
    if (!(failure instanceof Deno.errors.AddrInUse)) {
      const advice = failure instanceof Deno.errors.PermissionDenied
        ? "ports below 1024 are for root; choose a higher one"
        : "name an address that this host has";
      return fail(subject, `cannot be listened on: ${reasonOf(failure)}`, advice);
    }
    if (runs) return ok(subject, "taken, by the node that answers here");
    return fail(
      subject,
      "taken by another program",
      `end it (\`ss -ltnp sport = :${port}\` tells which), or choose another port`,
    );
  }
  if (!runs) return ok(subject, "free");
  return warn(subject, "free, though a node answers here", "is it of this configuration?");
}

/** What a node of that role writes to. */
export function directoriesOf({ cluster, worker }: Config, role: Role): string[] {
  switch (role) {
    case "master":
      return [...new Set([cluster.raftDir, cluster.dataDir])];
    case "worker":
      return [join(worker.dataDir, worker.workerId)];
    case "client":
      return [];
  }
}

/** What becomes of a node whose disk is full, and what waits for each fsync. */
const DISK_ADVICE = {
  master: {
    room: "make room; a full disk makes a master step aside",
    pace: "every accepted job waits for one: use a faster disk for raft_dir",
  },
  worker: {
    room: "make room; results that no master has yet, and attempts' files, are kept there",
    // It waits for none.
    pace: undefined,
  },
};

/** A directory that a node writes to; it makes it where it is missing. */
export function diskFindings(directory: string, role: Role = "master"): Finding[] {
  const advised = DISK_ADVICE[role === "worker" ? "worker" : "master"];
  const { ok, warn, fail } = findingsOf("disk");
  const place = existing(directory);
  const findings: Finding[] = [];
  const mode = statSync(place).mode & 0o077;
  if (place === directory && mode !== 0 && Deno.build.os !== "windows") {
    findings.push(
      warn(directory, "other users may look into it", `chmod 700 ${directory}`),
    );
  }
  const { type, bsize, bavail } = statfsSync(place);
  const system = FILE_SYSTEMS.get(type);
  if (system === "tmpfs") {
    findings.push(warn(directory, "is in memory (tmpfs): a reboot loses it", "use a disk"));
  } else if (system !== undefined) {
    findings.push(
      fail(
        directory,
        `is on ${system}, whose locks and fsync cannot be relied on`,
        "use a local disk",
      ),
    );
  }
  const free = bsize * bavail;
  const room = `${Math.round(free / 2 ** 20)} MiB free`;
  const advice = advised.room;
  if (free < FREE_BYTES.fewerFails) findings.push(fail(directory, room, advice));
  else if (free < FREE_BYTES.fewerWarns) findings.push(warn(directory, room, advice));
  else findings.push(ok(directory, room));
  try {
    const { medianMs, longestMs } = fsyncTimes(place);
    const found =
      `an fsync of 4 KiB takes ${medianMs.toFixed(1)} ms, the longest of ${FSYNCS} took ` +
      `${longestMs.toFixed(1)} ms`;
    findings.push(
      medianMs > FSYNC_MEDIAN_MS.moreWarns && advised.pace !== undefined
        ? warn(directory, found, advised.pace)
        : ok(directory, found),
    );
  } catch (failure) {
    findings.push(
      fail(directory, `cannot be written: ${reasonOf(failure)}`, "let the node's user own it"),
    );
  }
  return findings;
}

/** The nearest directory above that there is. */
function existing(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existing(dirname(path));
}

function fsyncTimes(directory: string): { medianMs: number; longestMs: number } {
  const path = join(directory, `.conductor-doctor-${crypto.randomUUID()}`);
  const file = openSync(path, "wx", 0o600);
  try {
    const page = new Uint8Array(PAGE_BYTES);
    const durations = Array.from({ length: FSYNCS }, (_, at) => {
      const startedMs = performance.now();
      writeSync(file, page, 0, PAGE_BYTES, at * PAGE_BYTES);
      fsyncSync(file);
      return performance.now() - startedMs;
    }).sort((a, b) => a - b);
    return { medianMs: durations[FSYNCS >> 1]!, longestMs: durations.at(-1)! };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
