/**
 * The same for pages: every route that a node says it has, and what each must answer to whom.
 *
 * @module
 */

import { Agent, request } from "node:https";
import type { RightCertificate, WrongCertificate } from "./certificates.ts";
import type { Node, Scene } from "./scene.ts";
import { BAD_TOKENS, JOIN_TOKENS, type RoleName, ROLES, type TokenState } from "./tokens.ts";

const READERS: readonly RoleName[] = ["admin", "operator", "viewer"];

/** Who may see a page; a route that is not here makes the test fail. */
export const PAGES: Readonly<Record<string, readonly RoleName[] | "anybody">> = {
  "/health": "anybody",
  "/ready": "anybody",
  "/cluster/status": [...READERS, "master"],
  "/failover/status": [...READERS, "master"],
  "/metrics": READERS,
};

/** One request for a page. */
interface PageCell {
  readonly node: Node;
  readonly port: number;
  readonly path: string;
  readonly certificate: RightCertificate | WrongCertificate | null;
  readonly token: TokenState;
  readonly expected: number;
}

const EVERY_TOKEN: readonly TokenState[] = [...BAD_TOKENS, ...JOIN_TOKENS, ...ROLES];
const SHOWN: readonly (readonly [PageCell["certificate"], readonly TokenState[]])[] = [
  [null, EVERY_TOKEN],
  ["client", EVERY_TOKEN],
  ["viewer", ["none at all", "expired", ...ROLES]],
  ["worker", ["none at all", "admin", "worker"]],
  ["admin", ["none at all", "viewer", "admin"]],
  ["roleless", ["none at all", "viewer"]],
  ["revoked", ["none at all", "admin"]],
];
/** Whose holder is nobody, whatever the token says. */
export const IMPOSTORS: readonly WrongCertificate[] = [
  "expired",
  "not yet valid",
  "meant for code",
  "meant for servers",
  "of another authority",
  "self-signed",
];
const NARROWS = ["admin", "viewer", "worker"];

/** Routes of a port, by the node's own word. */
async function routesOf(
  readers: Readers,
  scene: Scene,
  port: number,
): Promise<readonly string[]> {
  const agent = readers.agentFor(scene, "client");
  const { body } = await page(agent, port, "/nothing-is-here", undefined);
  return JSON.parse(body).paths;
}

/** Every route that the leader and a follower have, on both their ports. */
export async function pageCells(readers: Readers, scene: Scene): Promise<readonly PageCell[]> {
  const cells: PageCell[] = [];
  for (const node of [scene.leader, scene.follower]) {
    for (const port of [node.http, node.metrics]) {
      for (const path of await routesOf(readers, scene, port)) {
        const may = PAGES[path];
        if (may === undefined) throw new Error(`${path} has no expectation in PAGES`);
        const cell = (certificate: PageCell["certificate"], token: TokenState): PageCell => {
          const expected = verdictOn(may, certificate, token);
          return { node, port, path, certificate, token, expected };
        };
        cells.push(
          ...SHOWN.flatMap(([certificate, tokens]) => tokens.map((t) => cell(certificate, t))),
          ...IMPOSTORS.flatMap((name) => [cell(name, "none at all"), cell(name, "admin")]),
        );
      }
    }
  }
  return cells;
}

function verdictOn(
  may: readonly RoleName[] | "anybody",
  certificate: PageCell["certificate"],
  token: TokenState,
): number {
  if (may === "anybody") return 200;
  if (certificate === "revoked" || IMPOSTORS.some((each) => each === certificate)) return 401;
  const narrows = certificate !== null && NARROWS.includes(certificate);
  const known = token === "none at all" && narrows ? certificate : token;
  const role = ROLES.find((each) => each === known);
  if (role === undefined) return 401;
  return (!narrows || certificate === role) && may.includes(role) ? 200 : 403;
}

const AT_ONCE = 16;

/** Connections by what they show, so that few handshakes do. */
export class Readers implements Disposable {
  readonly #agents = new Map<string | null, Agent>();

  /** One that shows this certificate; it resumes no session, whose certificate would not count. */
  agentFor({ certificates: { authority, pairs } }: Scene, certificate: string | null): Agent {
    const known = this.#agents.get(certificate);
    if (known !== undefined) return known;
    const pair = certificate === null ? {} : pairs.get(certificate);
    const agent = new Agent({
      ca: authority,
      ...pair,
      keepAlive: true,
      maxSockets: 4,
      maxCachedSessions: 0,
    });
    this.#agents.set(certificate, agent);
    return agent;
  }

  [Symbol.dispose](): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }
}

/** Asks for these pages; gives a line for each that was not answered as expected. */
export async function pageDifferences(
  readers: Readers,
  scene: Scene,
  cells: readonly PageCell[],
): Promise<string[]> {
  const lines: string[] = [];
  const work = cells.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const { node, port, path, certificate, token, expected } of work) {
      const { status, body } = await page(
        readers.agentFor(scene, certificate),
        port,
        path,
        scene.tokens[token],
      );
      if (status === expected) continue;
      lines.push(
        `GET ${path} of ${node.name}, certificate ${certificate}, token ${token}: expected ` +
          `${expected}, was answered ${status} (${body.slice(0, 200)})`,
      );
    }
  }));
  return lines;
}

/** A page, asked for with a certificate and a token; status 0: no connection came about. */
export function page(
  agent: Agent,
  port: number,
  path: string,
  authorization: string | undefined,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve) => {
    const asked = request({
      host: "localhost",
      port,
      path,
      agent,
      headers: authorization === undefined ? {} : { authorization },
    }, async (response) => {
      let body = "";
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, body });
    });
    asked.on("error", (failure) => resolve({ status: 0, body: String(failure) }));
    asked.end();
  });
}
