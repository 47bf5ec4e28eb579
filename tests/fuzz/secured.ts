/**
 * The same behind every protection: a cluster in the production profile, hostile bytes by callers who are
 * let in, by masters' certificates at the ports for masters and workers, and by callers who are not.
 *
 * @module
 */

import type { DescMethod } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { encode } from "cborg";
import {
  ForwardService,
  FoundingService,
  MasterService,
  methodPath,
  RaftService,
  WorkerService,
} from "../../src/rpc/mod.ts";
import { end } from "../e2e/support.ts";
import { wireOf } from "../matrix/calls.ts";
import { type Node, onScene, type Scene } from "../matrix/scene.ts";
import type { Random } from "../simulation/random.ts";
import { Random as Seeded } from "../simulation/random.ts";
import { CLIENT_METHODS, fuzzCalls, type Target } from "./calls.ts";
import { abuse, ABUSES } from "./http2.ts";
import { fuzzedMessage, randomBytes } from "./messages.ts";
import { type FuzzReport, GROWTH_BYTES_MAX, residentBytes } from "./run.ts";

/** A part of the calls for each kind of caller. */
const SHARES = { letIn: 0.5, peers: 0.25, worker: 0.1, notLetIn: 0.15 } as const;

/** @param iterations calls, of all kinds together */
export async function fuzzSecured(seed: number, iterations: number): Promise<FuzzReport> {
  const findings: string[] = [];
  const answers = new Map<string, number>();
  let growthMebibytes = 0;
  await onScene(async (scene) => {
    const nodes = [scene.leader, scene.follower, scene.worker];
    const before = nodes.map((node) => residentBytes(pidOf(scene, node)));
    const random = new Seeded(seed);
    for (const [name, targets] of Object.entries(targetsIn(scene))) {
      const share = SHARES[name as keyof typeof SHARES];
      const report = await fuzzCalls(targets, Math.ceil(iterations * share), random);
      findings.push(...report.findings.map((finding) => `${name}: ${finding}`));
      for (const [code, count] of report.answers) {
        answers.set(code, (answers.get(code) ?? 0) + count);
      }
      findings.push(...await faultsAfter(scene, name));
    }
    for (const name of Object.keys(ABUSES)) {
      await abuse(() => throughTls(scene), name, random);
      findings.push(...await faultsAfter(scene, name));
    }
    const growths = nodes.map((node, index) =>
      residentBytes(pidOf(scene, node)) - (before[index] ?? 0)
    );
    for (const [index, growth] of growths.entries()) {
      if (growth > GROWTH_BYTES_MAX) findings.push(`${nodes[index]?.name} grew by ${growth} bytes`);
    }
    growthMebibytes = Math.round(Math.max(...growths) / 1024 / 1024);
    for (const node of nodes.toReversed()) {
      const code = await end(scene.processes.get(node.name)!, "SIGTERM");
      if (code !== 0) findings.push(`${node.name} ended with exit code ${code}`);
      const log = await scene.logOf(node);
      const faults = log.split("\n").filter((line) => /invariant|uncaught|unhandled/i.test(line));
      findings.push(...faults.map((line) => `the log of ${node.name}: ${line.slice(0, 1_000)}`));
    }
  });
  return { findings, answers, growthMebibytes };
}

function targetsIn(scene: Scene): Record<keyof typeof SHARES, readonly Target[]> {
  const { callers, leader, follower, worker, tokens } = scene;
  const masters = [leader, follower];
  const authorization = tokens.admin!;
  const peers = [RaftService, ForwardService, FoundingService].flatMap(({ methods }) => methods);
  return {
    letIn: CLIENT_METHODS.flatMap((method) =>
      masters.map((node) => ({ method, client: callers.at(node.grpc, "client"), authorization }))
    ),
    peers: peers.flatMap((method) =>
      masters.map((node) => ({
        method,
        client: callers.at(node.raft, "master"),
        message: (random: Random) => peerMessage(scene, node, method, random),
        // Said of what is forwarded and cannot be.
        also: status.UNIMPLEMENTED,
      }))
    ),
    worker: WorkerService.methods.map((method) => ({
      method,
      client: callers.at(worker.grpc, "master"),
    })),
    // Whatever they send, it is not looked at.
    notLetIn: [
      ...MasterService.methods.filter(({ name }) => name !== "RefreshToken").map((method) => ({
        method,
        client: callers.at(leader.grpc, "client"),
        authorization: tokens.expired!,
        only: status.UNAUTHENTICATED,
      })),
      ...peers.map((method) => ({
        method,
        client: callers.at(follower.raft, "client"),
        only: status.UNAUTHENTICATED,
      })),
    ],
  };
}

/** What a master would send, but for the inside of it. */
function peerMessage(
  { things: { clusterId }, leader, follower }: Scene,
  node: Node,
  method: DescMethod,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const sender = node === leader ? follower : leader;
  if (random.chance(0.3) || method.parent === FoundingService) {
    return fuzzedMessage(method.input, random);
  }
  if (method.parent === RaftService) {
    const messages = random.chance(0.2)
      ? Uint8Array.from(randomBytes(random.below(300), random))
      : encode(raftMessages(node, random));
    return Uint8Array.from(
      wireOf(method, { clusterId, format: random.pick([1, 1, 1, 0, 2]), messages }),
    );
  }
  const inner = random.pick(MasterService.methods);
  return Uint8Array.from(wireOf(method, {
    clusterId,
    fromNode: sender.name,
    method: methodPath(inner),
    request: fuzzedMessage(inner.input, random),
    userId: "root",
    roles: ["admin"],
    peerAddress: random.pick(["127.0.0.1:1", "", "nowhere", "[::1]:1", "\n"]),
    identity: { source: random.pick(["token", "certificate", "anonymous", "", "master"]) },
  }));
}

const KINDS = [
  "vote_request",
  "vote_response",
  "append_request",
  "append_accepted",
  "append_rejected",
  "heartbeat_request",
  "heartbeat_response",
  "timeout_now",
  "read_index_request",
  "read_index_response",
  "snapshot_chunk",
  "snapshot_chunk_ack",
  "snapshot_received",
  "nothing of the kind",
  "__proto__",
];
const NUMBERS = [0, 1, -1, 0.5, 2 ** 53, -(2 ** 53), NaN, Infinity, null, "1", [], {}, true];
const FIELDS = [
  ...["lastIndex", "lastTerm", "prevIndex", "prevTerm", "commit", "match", "hintIndex", "hintTerm"],
  ...[
    "readRound",
    "requestId",
    "index",
    "totalBytes",
    "offsetBytes",
    "checksum",
    "nextOffsetBytes",
  ],
];

/** Of somebody who is no member: one that is may say anything, and is believed (SECURITY.md). */
function raftMessages(node: Node, random: Random): unknown {
  if (random.chance(0.1)) return random.pick([null, 7, "x", {}, [null], [7], [[]], [[[]]]]);
  return Array.from({ length: random.below(4) }, () => {
    const message: Record<string, unknown> = {
      kind: random.pick(KINDS),
      from: random.pick(["stranger", "stranger", "", node.name, 7, null]),
      to: random.pick([node.name, node.name, "", 7, null]),
      toIncarnation: random.pick(["", "x", null]),
      term: random.pick(NUMBERS),
      pre: random.pick([true, false, null]),
      entries: random.pick([[], [null], [{ index: 1, term: 1 }], [{}], 7]),
      snapshot: random.pick([null, {}, { index: 1, term: 1, membership: {} }, 7]),
      data: random.pick([null, new Uint8Array(3), "x"]),
      transferId: random.pick(["t", "", 7, "../../x"]),
      status: random.pick(["wanted", "installed", "refused", 7]),
    };
    for (const field of FIELDS) if (random.chance(0.5)) message[field] = random.pick(NUMBERS);
    return message;
  });
}

/** A connection of a caller who is let in, before a byte of HTTP/2. */
async function throughTls({ leader, certificates }: Scene): Promise<Deno.Conn> {
  const { cert, key } = certificates.pairs.get("client")!;
  return await Deno.connectTls({
    hostname: "localhost",
    port: leader.grpc,
    caCerts: [certificates.authority],
    cert,
    key,
    alpnProtocols: ["h2"],
  });
}

/** A job is taken, and nobody has died. */
async function faultsAfter({ ask, processes }: Scene, what: string): Promise<string[]> {
  const dead = await Promise.all([...processes].map(async ([name, process]) => {
    const ended = await Promise.race([process.status, Promise.resolve(undefined)]);
    return ended === undefined ? [] : [`after ${what}, ${name} has ended with ${ended.code}`];
  }));
  const payload = new TextEncoder().encode("{}");
  const refusal = await ask("submitJob", { type: "noop", payload }).then(
    () => [],
    (failure) => [`after ${what}, no job is taken: ${failure}`],
  );
  return [...dead.flat(), ...refusal];
}

function pidOf({ processes }: Scene, { name }: Node): number {
  return processes.get(name)!.pid;
}
