/**
 * What a node answers by itself: who is asking, and the session of a browser.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { type Asset, assetHandler, jsonAnswer, type Route } from "../http/mod.ts";
import { MasterService, methodPath, Refusal } from "../rpc/mod.ts";
import { PERMISSIONS, type Principal } from "../security/mod.ts";
import { admitByBody } from "./admission.ts";
import { auditAnswer, followAudit, requiredLog } from "./audit.ts";
import { type Login, sessionCookie } from "./credentials.ts";
import type { ApiCall, ApiOptions, Gateway } from "./gateway.ts";
import { LiveFeed } from "./live_feed.ts";
import { openApi } from "./openapi.ts";
import { API_ROUTES, type ApiRow, type OwnName, type OwnRow, routeName } from "./routes.ts";

/** One function for each of the table's own routes. */
export type OwnHandlers = Readonly<
  Record<OwnName, (row: OwnRow, call: ApiCall) => Response | Promise<Response>>
>;

export function ownHandlers(gateway: Gateway, options: ApiOptions): OwnHandlers {
  let described: Route["handle"] | undefined;
  const feed = new LiveFeed(() => gateway.master, options.log);
  return {
    events: async (row, call) => {
      const principal = await gateway.admit(call, askOf(row));
      const { listJobs } = MasterService.method;
      const follower = {
        namespaces: principal.namespaces,
        seesJobs: options.gate.may(principal, { method: methodPath(listJobs) }),
        call: {
          method: routeName(row),
          caller: principal,
          requestId: call.requestId,
          traceparent: "",
          peerAddress: call.exchange.peerAddress,
          deadlineMs: Infinity,
          signal: call.exchange.gone,
        },
      };
      return await gateway.streams.start(
        gateway.ownerOf(principal, askOf(row)),
        call.exchange,
        (out, signal) => feed.follow(follower, out, signal),
      );
    },
    openapi: (_row, { request, exchange }) => {
      described ??= assetHandler(descriptionOf(gateway.master.version));
      return described(request, exchange);
    },
    audit: async (row, call) => {
      await gateway.admit(call, askOf(row));
      const query = new URL(call.request.url).searchParams;
      return await auditAnswer(requiredLog(options.audit), query);
    },
    auditStream: async (row, call) => {
      const principal = await gateway.admit(call, askOf(row));
      const reader = requiredLog(options.audit);
      const lastEventId = call.request.headers.get("last-event-id");
      return await gateway.streams.start(
        gateway.ownerOf(principal, askOf(row)),
        call.exchange,
        (out, signal) => followAudit(reader, lastEventId, out, signal),
      );
    },
    jobTypes: async (row, call) => {
      await gateway.admit(call, askOf(row));
      return jsonAnswer(200, { job_types: gateway.master.jobTypes() });
    },
    history: async (row, call) => {
      await gateway.admit(call, askOf(row));
      return jsonAnswer(200, gateway.master.live.history());
    },
    whoami: async (row, call) => {
      const principal = await gateway.admit(call, askOf(row));
      return jsonAnswer(200, whoami(options, principal, call.credentials.login));
    },
    login: (row, call) => login(gateway, options, row, call),
    logout: (_row, { exchange }) =>
      jsonAnswer(200, {}, {
        "set-cookie": sessionCookie("", exchange.isSecure, 0),
        "clear-site-data": '"cache"',
      }),
  };
}

/** What the gate is asked about a row. */
function askOf(row: OwnRow) {
  const { access } = row;
  if (typeof access === "string") return { method: routeName(row), permission: null };
  return "like" in access
    ? { method: methodPath(MasterService.method[access.like]) }
    : { method: routeName(row), permission: access.permission };
}

/** Whether somebody may use a route. */
function mayUse({ gate }: ApiOptions, principal: Principal, row: ApiRow): boolean {
  if (row.kind !== "own") {
    return gate.may(principal, { method: methodPath(MasterService.method[row.rpc]) });
  }
  return row.access === "open" || gate.may(principal, askOf(row));
}

function whoami(options: ApiOptions, principal: Principal, login: Login) {
  const { gate } = options;
  const master = options.master();
  const expiresAtMs = principal.token?.expiresAtMs;
  return {
    user_id: principal.userId,
    roles: principal.roles,
    confined: principal.namespaces !== undefined,
    namespaces: principal.namespaces ?? [],
    source: principal.source,
    login,
    login_required: !gate.isOpen,
    ...(isTime(expiresAtMs) ? { expires_at: new Date(expiresAtMs).toISOString() } : {}),
    permissions: PERMISSIONS.filter((permission) =>
      gate.may(principal, { method: "GET", permission })
    ),
    routes: API_ROUTES.filter((row) => mayUse(options, principal, row)).map(routeName),
    node_id: master?.nodeId ?? "",
    cluster_id: master?.clusterId ?? "",
    version: master?.version ?? "",
  };
}

function descriptionOf(version: string): Asset {
  const bytes = new TextEncoder().encode(`${JSON.stringify(openApi(version))}\n`);
  const digest = createHash("sha256").update(bytes).digest("base64url").slice(0, 22);
  return { bytes, contentType: "application/json; charset=utf-8", etag: `"${digest}"` };
}

async function login(
  gateway: Gateway,
  options: ApiOptions,
  row: OwnRow,
  call: ApiCall,
): Promise<Response> {
  let token = "";
  const principal = await admitByBody(options.gate, call, askOf(row), {
    body: () => gateway.body(call),
    credentials: (body) => {
      token = tokenIn(body);
      return { login: "bearer", authorization: `Bearer ${token}` };
    },
  });
  const { now = Date.now } = options;
  const expiresAtMs = principal.token?.expiresAtMs;
  const seconds = isTime(expiresAtMs) ? (expiresAtMs - now()) / 1_000 : SESSION_SECONDS_MAX;
  const cookie = sessionCookie(
    token,
    call.exchange.isSecure,
    Math.max(1, Math.floor(Math.min(seconds, SESSION_SECONDS_MAX))),
  );
  const [pair = ""] = cookie.split(";", 1);
  if (pair.length > COOKIE_CHARACTERS_MAX) {
    throw new Refusal(
      "invalid",
      `this token makes a cookie of ${pair.length} characters, and browsers keep none of more than ` +
        `${COOKIE_CHARACTERS_MAX}: log in with one for fewer roles or namespaces`,
    );
  }
  return jsonAnswer(200, whoami(options, principal, "cookie"), { "set-cookie": cookie });
}

/** @throws Refusal `invalid` when there is none */
function tokenIn({ token }: JsonObject): string {
  if (typeof token === "string" && /^[\w.-]+$/.test(token)) return token;
  throw new Refusal("invalid", 'the body must be {"token": "..."}, with an access token');
}

/** Of the name and the value together; a longer one is dropped without a word. */
const COOKIE_CHARACTERS_MAX = 4_096;
/** Of a token without an end. */
const SESSION_SECONDS_MAX = 30 * 24 * 3_600;

function isTime(ms: number | undefined): ms is number {
  return ms !== undefined && Number.isFinite(ms);
}
