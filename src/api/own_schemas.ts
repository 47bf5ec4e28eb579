/**
 * What the routes answer that stand for no call: by hand, since no descriptor has them. A test holds
 * real answers against it.
 *
 * @module
 */

import type { OwnName } from "./routes.ts";

export type Json = { readonly [name: string]: unknown };

const TEXT: Json = { type: "string" };
const TEXTS: Json = { type: "array", items: TEXT };
const COUNT: Json = { type: "integer" };
const TRUTH: Json = { type: "boolean" };
const OBJECTS: Json = { type: "array", items: { type: "object" } };
const NUMBERS_OR_NULL: Json = { type: "array", items: { type: ["number", "null"] } };

function object(properties: Json, optional: Json = {}): Json {
  return {
    type: "object",
    required: Object.keys(properties),
    properties: { ...properties, ...optional },
    additionalProperties: false,
  };
}

const WHOAMI = object({
  user_id: TEXT,
  roles: TEXTS,
  confined: { ...TRUTH, description: "Whether jobs of `namespaces` are all that there is to it" },
  namespaces: {
    ...TEXTS,
    description: "Where it is confined: to these, or where none is here to none",
  },
  source: { enum: ["token", "certificate", "anonymous"] },
  login: { enum: ["bearer", "cookie", "certificate", "none"] },
  login_required: TRUTH,
  permissions: TEXTS,
  routes: { ...TEXTS, description: "METHOD and path of what its caller may use" },
  node_id: TEXT,
  cluster_id: TEXT,
  version: TEXT,
}, { expires_at: { type: "string", format: "date-time" } });

/** By route; those that answer with events have none. */
export const OWN_ANSWERS: Readonly<Partial<Record<OwnName, Json>>> = {
  whoami: WHOAMI,
  login: WHOAMI,
  logout: object({}),
  history: object({
    interval_ms: COUNT,
    points: COUNT,
    columns: { type: "object", additionalProperties: NUMBERS_OR_NULL },
  }),
  jobTypes: object({ job_types: OBJECTS }),
  audit: object({ lines: OBJECTS, file: TEXT, truncated: TRUTH }),
  openapi: { type: "object" },
};

/** What is sent to `POST /login`. */
export const LOGIN_BODY: Json = object({
  token: { type: "string", description: "An access token" },
});
