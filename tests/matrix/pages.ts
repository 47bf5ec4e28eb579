/**
 * The same for pages: every route that a node says it has, and what each must answer to whom.
 *
 * @module
 */

import { create, type DescMethod, toJson } from "@bufbuild/protobuf";
import { request } from "node:https";
import { API_ROOT, API_ROUTES, type ApiRow } from "../../src/api/mod.ts";
import { MasterService, methodPath } from "../../src/rpc/mod.ts";
import type { RightCertificate, WrongCertificate } from "./certificates.ts";
import { CLIENT_PORT, fieldsOf } from "./expectations.ts";
import type { Node, Scene } from "./scene.ts";
import { BAD_TOKENS, JOIN_TOKENS, type RoleName, ROLES, type TokenState } from "./tokens.ts";

const READERS: readonly RoleName[] = ["admin", "operator", "viewer"];
const CLUSTER_READERS: readonly RoleName[] = [...READERS, "master"];

type Readership = readonly RoleName[] | "anybody" | "whoever is known";

/** Who may see a page; a page that is neither here nor of the API nor a file makes the test fail. */
const PAGES: Readonly<Record<string, Readership>> = {
  "/": "anybody",
  "/health": "anybody",
  "/ready": "anybody",
  "/cluster/status": CLUSTER_READERS,
  "/failover/status": CLUSTER_READERS,
  "/metrics": READERS,
};
/** Parts of the dashboard, which tell nothing of the cluster. */
const FILE = /^\/(?!api\/)[\w./-]+\.(html|js|css|svg|png|ico|woff2|webmanifest|json)$/;

/** Who may use what the API answers by itself; every other route is for whoever may make its call. */
const OWN_ROUTES: Readonly<Record<string, Readership>> = {
  "GET /events": CLUSTER_READERS,
  "GET /history": CLUSTER_READERS,
  "GET /job-types": READERS,
  "GET /audit": ["admin"],
  "GET /audit/stream": ["admin"],
  "GET /whoami": "whoever is known",
  // The token in its body says who calls.
  "POST /login": "anybody",
  "POST /logout": "anybody",
  "GET /openapi.json": "anybody",
};

/** One request. */
export interface PageCell {
  readonly node: Node;
  readonly port: number;
  readonly verb: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly certificate: RightCertificate | WrongCertificate | null;
  readonly token: TokenState;
  /** "let in": whatever the page itself answers. */
  readonly expected: 401 | 403 | "let in";
}

type Shown = readonly (readonly [PageCell["certificate"], readonly TokenState[]])[];

const EVERY_TOKEN: readonly TokenState[] = [...BAD_TOKENS, ...JOIN_TOKENS, ...ROLES];
/** Whose holder is nobody, whatever the token says. */
const IMPOSTORS: readonly WrongCertificate[] = [
  "expired",
  "not yet valid",
  "meant for code",
  "meant for servers",
  "of another authority",
  "self-signed",
];
const OF_PAGES: Shown = [
  [null, EVERY_TOKEN],
  ["client", EVERY_TOKEN],
  ["viewer", ["none at all", "expired", ...ROLES]],
  ["worker", ["none at all", "admin", "worker"]],
  ["admin", ["none at all", "viewer", "admin"]],
  ["roleless", ["none at all", "viewer"]],
  ["revoked", ["none at all", "admin"]],
  ...IMPOSTORS.map((name) => [name, ["none at all", "admin"]] as const),
];
/** What becomes of a token is the gate's, which is the same for all of them. */
const OF_API: Shown = [
  [null, ["admin", "viewer", "stranger", "none at all", "expired"]],
  ["revoked", ["admin"]],
];
const OF_FILES: Shown = [[null, ["none at all", "malformed"]]];
const NARROWS = ["admin", "viewer", "worker"];

/** Paths of a port that are no templates, by the node's own word. */
async function pathsOf(scene: Scene, port: number): Promise<readonly string[]> {
  const { body } = await page(scene, { port, path: "/nothing-is-here" }, null, undefined);
  return JSON.parse(body).paths;
}

/** Every page, file and route that the leader and a follower have, on both their ports. */
export async function pageCells(scene: Scene): Promise<readonly PageCell[]> {
  const cells: PageCell[] = [];
  for (const node of [scene.leader, scene.follower]) {
    for (const port of [node.http, node.metrics]) {
      for (const path of await pathsOf(scene, port)) {
        if (path.startsWith(`${API_ROOT}/`)) continue;
        const may = PAGES[path] ?? (FILE.test(path) ? "anybody" : undefined);
        if (may === undefined) throw new Error(`${path} has no expectation in PAGES`);
        const shown = path in PAGES ? OF_PAGES : OF_FILES;
        const place = { node, port, verb: "GET", path, body: undefined };
        cells.push(...shownTo(shown, may).map((each) => ({ ...place, ...each })));
      }
    }
  }
  return [...cells, ...API_ROUTES.flatMap((row) => apiCells(scene, scene.follower, row))];
}

function apiCells(scene: Scene, node: Node, row: ApiRow): PageCell[] {
  const method = row.kind === "own" ? undefined : MasterService.method[row.rpc] as DescMethod;
  const about = method === undefined ? undefined : CLIENT_PORT[methodPath(method)];
  const may = about?.may ?? OWN_ROUTES[`${row.verb} ${row.path}`];
  if (may === undefined) throw new Error(`${row.verb} ${row.path} has no expectation`);
  // A stream says nothing, not even that it is one, before there is something to say.
  const isSilent = row.path.endsWith("/logs/stream");
  const shown = shownTo(OF_API, may).filter(({ expected }) => !isSilent || expected !== "let in");
  return shown.map(({ certificate, token, expected }) => {
    const isRefused = expected !== "let in";
    const asked = isRefused ? about?.harmful ?? about?.asked : about?.asked;
    const fields = method === undefined ? {} : jsonOf(method, fieldsOf(scene, asked));
    const path = row.path.replaceAll(/\{(\w+)\}/g, (_, name) => {
      const value = fields[name] ?? "none";
      delete fields[name];
      return encodeURIComponent(String(value));
    });
    const hasBody = row.verb === "POST" || row.verb === "PUT";
    const body = hasBody ? JSON.stringify(fields) : undefined;
    const { verb } = row;
    return {
      ...{ node, port: node.http, verb, path: `${API_ROOT}${path}`, body },
      ...{ certificate, token, expected },
    };
  });
}

function jsonOf(method: DescMethod, fields: Record<string, unknown>): Record<string, unknown> {
  const message = create(method.input, fields as never);
  return toJson(method.input, message, { useProtoFieldName: true }) as Record<string, unknown>;
}

function shownTo(
  shown: Shown,
  may: Readership,
): readonly Pick<PageCell, "certificate" | "token" | "expected">[] {
  return shown.flatMap(([certificate, tokens]) =>
    tokens.map((token) => ({ certificate, token, expected: verdictOn(may, certificate, token) }))
  );
}

function verdictOn(
  may: Readership,
  certificate: PageCell["certificate"],
  token: TokenState,
): PageCell["expected"] {
  if (may === "anybody") return "let in";
  if (certificate === "revoked" || IMPOSTORS.some((each) => each === certificate)) return 401;
  const narrows = certificate !== null && NARROWS.includes(certificate);
  const known = token === "none at all" && narrows ? certificate : token;
  const role = ROLES.find((each) => each === known);
  if (role === undefined) return 401;
  if (may === "whoever is known") return "let in";
  return (!narrows || certificate === role) && may.includes(role) ? "let in" : 403;
}

const AT_ONCE = 16;

/** Asks for these; gives a line for each that was not answered as expected. */
export async function pageDifferences(
  scene: Scene,
  cells: readonly PageCell[],
): Promise<string[]> {
  const lines: string[] = [];
  const work = cells.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const cell of work) {
      const { node, verb, path, certificate, token, expected } = cell;
      const { status, body } = await page(scene, cell, certificate, scene.tokens[token]);
      const isLetIn = status >= 200 && status < 500 && status !== 401 && status !== 403;
      if (expected === "let in" ? isLetIn : status === expected) continue;
      lines.push(
        `${verb} ${path} of ${node.name}, certificate ${certificate}, token ${token}: expected ` +
          `${expected}, was answered ${status} (${body.slice(0, 200)})`,
      );
    }
  }));
  return lines;
}

/** What is asked for. */
type Asked = Pick<PageCell, "port" | "path"> & Partial<Pick<PageCell, "verb" | "body">>;

/** Far beyond what an answer takes. */
const ANSWER_MS = 30_000;

/**
 * A page's answer; of a stream, its status. Status 0: there was none. Each request has a connection of its
 * own, since a certificate that comes with a resumed session would count as none.
 */
export function page(
  { certificates: { authority, pairs } }: Scene,
  { port, path, verb = "GET", body: sent }: Asked,
  certificate: string | null,
  authorization: string | undefined,
): Promise<{ readonly status: number; readonly body: string }> {
  const pair = certificate === null ? {} : pairs.get(certificate);
  return new Promise((resolve) => {
    const asked = request({
      ...{ host: "localhost", port, path, method: verb, ca: authority, agent: false },
      ...pair,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(sent === undefined ? {} : { "content-type": "application/json" }),
      },
    }, (response) => {
      const { statusCode: status = 0 } = response;
      if (response.headers["content-type"]?.startsWith("text/event-stream")) {
        resolve({ status, body: "" });
        response.destroy();
        return;
      }
      let body = "";
      response.on("data", (chunk) => body += chunk);
      response.on("end", () => resolve({ status, body }));
      response.on("error", (failure) => resolve({ status: 0, body: String(failure) }));
    });
    const timer = setTimeout(() => asked.destroy(new Error("no answer")), ANSWER_MS);
    asked.on("error", (failure) => resolve({ status: 0, body: String(failure) }));
    asked.on("close", () => clearTimeout(timer));
    asked.end(sent);
  });
}
