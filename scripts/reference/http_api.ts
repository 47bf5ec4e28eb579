/**
 * The page of the HTTP API, from its table of routes.
 *
 * @module
 */

import {
  API_ROOT,
  API_ROUTES,
  type ApiRow,
  hasQuery,
  PAGE_HEADER,
  queryFields,
} from "../../src/api/mod.ts";
import { MasterService } from "../../src/rpc/mod.ts";
import { opening, table } from "./markdown.ts";

const INTRODUCTION =
  `Below \`${API_ROOT}\` on the \`http_port\` of every master. What stands for a call takes and answers that call's
messages ([api.md](api.md)) as protobuf's JSON with the names of the .proto files: a POST or PUT in its body, a GET or
DELETE in its query, where the fields of \`filter\` stand without their prefix and \`labels\` is given as
\`labels=KEY=VALUE\`. \`openapi.json\` says all of it to programs.

An answer other than 200 is \`{"error": {"code", "message", "retry_after_ms"}}\`, with gRPC's code and the status that
google.rpc gives it. What changes something must have \`content-type: application/json\`, and with a session's cookie
\`${PAGE_HEADER}: 1\`.`;

/** The page. */
export function httpApiPage(): string {
  const tags = [...new Set(API_ROUTES.map(({ tag }) => tag))];
  const parts = tags.map((tag) => `## ${tag[0]!.toUpperCase()}${tag.slice(1)}\n\n${tableOf(tag)}`);
  return `${[opening("HTTP API", INTRODUCTION), ...parts].join("\n\n")}\n`;
}

function tableOf(tag: string): string {
  const rows = API_ROUTES.filter((row) => row.tag === tag).map((row) => [
    `\`${row.verb} ${row.path}\``,
    row.summary,
    needsOf(row),
    queryOf(row),
  ]);
  return table(["route", "what it is", "stands for, or needs", "its query"], rows);
}

function needsOf(row: ApiRow): string {
  if (row.kind !== "own") return `\`${MasterService.method[row.rpc].name}\``;
  const { access } = row;
  if (access === "open") return "nothing";
  if (access === "known") return "to be known";
  return "like" in access
    ? `what \`${MasterService.method[access.like].name}\` needs`
    : `\`${access.permission}\``;
}

function queryOf(row: ApiRow): string {
  const events = row.kind === "own" ? row.events ?? [] : [];
  const streams = events.length > 0 || row.kind === "stream" && row.events !== "file"
    ? ["server-sent events"]
    : [];
  const names = row.kind === "own"
    ? Object.keys(row.query ?? {})
    : hasQuery(row)
    ? queryFields(row, MasterService.method[row.rpc].input).map(({ name }) => name)
    : [];
  return [...streams, ...names.map((name) => `\`${name}\``)].join(", ");
}
