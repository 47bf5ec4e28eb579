/**
 * The cells of the matrix: who calls what, where, with which certificate and token, and what must come
 * of it.
 *
 * @module
 */

import type { DescMethod } from "@bufbuild/protobuf";
import { call } from "./calls.ts";
import type { RightCertificate } from "./certificates.ts";
import { CLIENT_PORT, type Expected, PEERS_PORT, requestOf, WORKER_PORT } from "./expectations.ts";
import type { Node, Scene } from "./scene.ts";
import {
  BAD_TOKENS,
  JOIN_TOKENS,
  type JoinToken,
  type RoleName,
  ROLES,
  type TokenState,
} from "./tokens.ts";

/** One call, and its answer. */
export interface Cell {
  readonly node: Node;
  readonly port: number;
  readonly method: DescMethod;
  readonly path: string;
  readonly certificate: RightCertificate;
  readonly token: TokenState;
  readonly expected: string;
  readonly request: Uint8Array;
  /** Nothing may have changed by it. */
  readonly isRefused: boolean;
  /** The leader says so, to which the follower passed it on. */
  readonly isElsewhere?: boolean;
}

type Methods = ReadonlyMap<string, DescMethod>;
type Shown = readonly (readonly [RightCertificate, readonly TokenState[]])[];

const EVERY_TOKEN: readonly TokenState[] = [...BAD_TOKENS, ...JOIN_TOKENS, ...ROLES];
/** Roles that a certificate narrows a token to; the others speak for others, or say none. */
const NARROWS: ReadonlySet<RightCertificate> = new Set(["admin", "viewer", "worker"]);
const REVOKED: ReadonlySet<RightCertificate> = new Set(["revoked", "revoked master"]);

/** At the ports for clients, of the leader and of a follower: every RPC and every token. */
const AT_CLIENTS: Shown = [
  ["client", EVERY_TOKEN],
  ["viewer", ROLES],
  ["worker", ["admin", "worker"]],
  ["admin", ["none at all", "viewer", "admin"]],
  ["roleless", ["none at all", "admin", "viewer"]],
  ["master", ["none at all", "viewer"]],
  ["revoked", ["none at all", "admin"]],
];
const AT_WORKER: Shown = [
  ["client", EVERY_TOKEN],
  ["viewer", ["none at all", "admin", "viewer"]],
  ["admin", ["none at all", "viewer", "admin"]],
  ["master", ["none at all", "viewer", "expired"]],
  ["worker", ["none at all", "worker"]],
];
const AT_PEERS: Shown = [
  ...(["client", "roleless", "admin", "viewer", "worker", "revoked master"] as const).map((
    certificate,
  ) => [certificate, ["none at all", "admin", "master"]] as const),
  ["master", ["none at all", "malformed"]],
];

/** All of them. */
export function cellsOf(scene: Scene, methods: Methods): readonly Cell[] {
  const { leader, follower, worker } = scene;
  const masters = [leader, follower];
  return [
    ...masters.flatMap((node) => cellsAt(scene, methods, node, node.grpc, AT_CLIENTS)),
    ...masters.flatMap((node) => cellsAt(scene, methods, node, node.raft, AT_PEERS)),
    ...cellsAt(scene, methods, worker, worker.grpc, AT_WORKER),
    ...masters.flatMap((node) => cellsForAnother(scene, methods, node)),
  ];
}

/** A worker may call what workers call, for itself alone. */
function cellsForAnother(scene: Scene, methods: Methods, node: Node): Cell[] {
  const [certificate, token] = ["client", "worker"] as const;
  return [...methods].flatMap(([path, method]): Cell[] => {
    const { may, harmful } = CLIENT_PORT[path] ?? {};
    if (may === undefined || may === "anybody" || !may.includes(token)) return [];
    const request = requestOf(scene, method, harmful);
    // Who is sent on is refused where it is sent to.
    const isSentOn = node === scene.follower && CLIENT_PORT[path]?.onFollower !== undefined;
    const expected = isSentOn ? "UNAVAILABLE" : "PERMISSION_DENIED";
    return [{
      node,
      port: node.grpc,
      method,
      path,
      certificate,
      token,
      expected,
      request,
      isRefused: true,
      isElsewhere: true,
    }];
  });
}

/** Every RPC that is served there, with each of these; and the others once, with the best there is. */
function cellsAt(scene: Scene, methods: Methods, node: Node, port: number, shown: Shown): Cell[] {
  const isPeers = port === node.raft;
  const isWorker = node === scene.worker;
  const table: Readonly<
    Record<string, Omit<Expected, "may"> & { readonly may?: Expected["may"] }>
  > = isPeers ? PEERS_PORT : isWorker ? WORKER_PORT : CLIENT_PORT;
  const cells: Cell[] = [];
  for (const [path, method] of methods) {
    const about = table[path];
    if (about === undefined) {
      const [certificate, token] = ["master", "none at all"] as const;
      const [expected, request] = ["UNIMPLEMENTED", requestOf(scene, method)];
      const isRefused = true;
      cells.push({ node, port, method, path, certificate, token, expected, request, isRefused });
      continue;
    }
    const { may = [], joins, onFollower, asked, harmful = asked } = about;
    const code = node === scene.follower ? onFollower ?? about.code : about.code;
    for (const [certificate, tokens] of shown) {
      for (const token of tokens) {
        const expected = isPeers
          ? certificate === "master" ? code : "UNAUTHENTICATED"
          : verdictOn({ may, code, ...(joins && { joins }) }, certificate, token, isWorker);
        const isRefused = expected !== code;
        const request = requestOf(scene, method, isRefused ? harmful : asked);
        cells.push({ node, port, method, path, certificate, token, expected, request, isRefused });
      }
    }
  }
  return cells;
}

/** What the documents say. */
function verdictOn(
  { may, joins, code }: Expected,
  certificate: RightCertificate,
  token: TokenState,
  isWorker: boolean,
): string {
  if (REVOKED.has(certificate)) return "UNAUTHENTICATED";
  if (may === "anybody") return code;
  if (isJoining(token)) {
    // Elsewhere it counts as no token at all.
    if (joins === undefined) return "UNAUTHENTICATED";
    return joins.includes(token) ? code : "PERMISSION_DENIED";
  }
  const roles = rolesOf(certificate, token, isWorker);
  if (roles === undefined) return "UNAUTHENTICATED";
  return roles.some((role) => may.includes(role)) ? code : "PERMISSION_DENIED";
}

/** Undefined: nobody knows who calls. */
function rolesOf(
  certificate: RightCertificate,
  token: TokenState,
  isWorker: boolean,
): readonly RoleName[] | undefined {
  // At a worker's port a certificate with a role is enough, and nothing is known of revoked tokens.
  if (isWorker && token === "none at all" && isRole(certificate)) return [certificate];
  const role = isWorker && token === "revoked" ? "admin" : token;
  if (!isRole(role)) return undefined;
  return NARROWS.has(certificate) && certificate !== role ? [] : [role];
}

function isRole(name: TokenState | RightCertificate): name is RoleName {
  return ROLES.some((role) => role === name);
}

function isJoining(token: TokenState): token is JoinToken {
  return JOIN_TOKENS.some((each) => each === token);
}

/**
 * Refusals that have no line in the audit log of the node that said them; what is not served is refused to
 * everybody alike, and whoever is sent on is refused elsewhere.
 */
export async function unaudited(scene: Scene, cells: readonly Cell[]): Promise<string[]> {
  const count = (counts: Map<string, number>, key: string) =>
    counts.set(key, (counts.get(key) ?? 0) + 1);
  const expected = new Map<string, number>();
  for (const { node, path, expected: code, isElsewhere } of cells) {
    if (code !== "UNAUTHENTICATED" && code !== "PERMISSION_DENIED") continue;
    count(expected, `${isElsewhere ? scene.leader.name : node.name} ${path}`);
  }
  const found = new Map<string, number>();
  for (const node of [scene.leader, scene.follower, scene.worker]) {
    for (const line of await scene.auditOf(node)) {
      const { msg, method } = JSON.parse(line);
      if (/failed|denied/i.test(msg)) count(found, `${node.name} ${method}`);
    }
  }
  return [...expected].flatMap(([key, times]) => {
    const lines = found.get(key) ?? 0;
    return lines >= times ? [] : `${key}: refused ${times} times, audited ${lines} times`;
  });
}

const AT_ONCE = 48;

/** Makes these calls; gives a line for each that was not answered as expected. */
export async function differences(scene: Scene, cells: readonly Cell[]): Promise<string[]> {
  const lines: string[] = [];
  const work = cells.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const { node, port, method, path, certificate, token, expected, request } of work) {
      const client = scene.callers.at(port, certificate);
      const { code, message } = await call(client, method, request, scene.tokens[token]);
      if (code === expected) continue;
      lines.push(
        `${path} on ${node === scene.leader ? "the leader" : node.name}` +
          `${port === node.raft ? "'s port for peers" : ""}, certificate ${certificate}, token ` +
          `${token}: expected ${expected}, was answered ${code} (${message})`,
      );
    }
  }));
  return lines;
}
