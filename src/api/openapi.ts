/**
 * The API's description as OpenAPI 3.1: made of the table of routes and of the messages' descriptors,
 * and of nothing else, so that it says what is served.
 *
 * @module
 */

import { type DescField, type DescMessage, type DescMethod, ScalarType } from "@bufbuild/protobuf";
import { MasterService, methodPath, PRIORITY_DEFAULT } from "../rpc/mod.ts";
import { PAGE_HEADER } from "./credentials.ts";
import { FAULT_STATUSES } from "./faults.ts";
import { type Json, LOGIN_BODY, OWN_ANSWERS } from "./own_schemas.ts";
import { isWide, messageIn } from "./proto_json.ts";
import { hasQuery, queryFields } from "./request.ts";
import { isSubmission } from "./submissions.ts";
import {
  API_ROOT,
  API_ROUTES,
  type ApiRow,
  type CallRow,
  type OwnRow,
  type StreamRow,
} from "./routes.ts";

/** The whole document. */
export function openApi(version: string): Json {
  const schemas = new Schemas();
  const paths: Record<string, Record<string, Json>> = {};
  for (const row of API_ROUTES) {
    const path = `${API_ROOT}${row.path}`;
    (paths[path] ??= {})[row.verb.toLowerCase()] = operationOf(row, schemas);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Conductor",
      version,
      description:
        "The calls of a master as JSON: protobuf's mapping with the names of the .proto " +
        "files, default values written, and 64-bit integers as numbers wherever a number holds them.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "The master that serves this document" }],
    security: [{ bearer: [] }, { cookie: [], page: [] }, {}],
    tags: [...new Set(API_ROUTES.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        cookie: { type: "apiKey", in: "cookie", name: "__Host-conductor" },
        page: { type: "apiKey", in: "header", name: PAGE_HEADER },
      },
      responses: { Fault: FAULT_RESPONSE },
      schemas: { ...schemas.all, Fault: FAULT },
    },
  };
}

const FAULT: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message"],
      properties: {
        code: { type: "string", description: "As gRPC names it", examples: ["NOT_FOUND"] },
        message: { type: "string" },
        retry_after_ms: { type: "integer", description: "Where waiting helps" },
      },
    },
  },
};

const FAULT_RESPONSE: Json = {
  description: "Why it was refused",
  content: { "application/json": { schema: { $ref: "#/components/schemas/Fault" } } },
};

function operationOf(row: ApiRow, schemas: Schemas): Json {
  const faults = Object.fromEntries(
    FAULT_STATUSES.map((status) => [status, { $ref: "#/components/responses/Fault" }]),
  );
  const isOfEvents = row.kind === "stream" && row.events !== "file";
  const { parameters, answer, ...parts } = row.kind === "own"
    ? ownParts(row)
    : callParts(row, schemas);
  return {
    operationId: operationId(row),
    tags: [row.tag],
    summary: row.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...parts,
    responses: { 200: answer, ...(isOfEvents && { 204: NOTHING_MORE }), ...faults },
  };
}

/** Says the same of a route as long as there is one: programs are generated from it. */
function operationId({ verb, path }: ApiRow): string {
  const words = path.split(/[/.-]/).filter((each) => each !== "").map((each) =>
    each.startsWith("{") ? `by_${each.slice(1, -1)}` : each
  );
  return [verb.toLowerCase(), ...words].join("_");
}

const NOTHING_MORE: Json = {
  description:
    "With the last event's id as Last-Event-ID: there is nothing more, so that a browser stays away",
};

interface Parts {
  readonly parameters: readonly Json[];
  readonly answer: Json;
  readonly requestBody?: Json;
  readonly security?: readonly Json[];
  readonly description: string;
}

function ownParts(row: OwnRow): Parts {
  const { access, query = {}, events } = row;
  return {
    description: typeof access === "string"
      ? access === "open" ? "Open to everybody." : "For whoever is known."
      : "like" in access
      ? `Needs what ${methodPath(MasterService.method[access.like])} needs.`
      : `Needs ${access.permission}.`,
    ...(access === "open" ? { security: [] } : {}),
    parameters: Object.entries(query).map(([name, description]) => ({
      ...{ name, in: "query", description, schema: { type: "integer" } },
    })),
    ...(row.own === "login" ? { requestBody: jsonBody(LOGIN_BODY) } : {}),
    answer: events === undefined
      ? jsonContent(OWN_ANSWERS[row.own] ?? { type: "object" })
      : eventContent([...events, "end"]),
  };
}

function callParts(row: CallRow | StreamRow, schemas: Schemas): Parts {
  const method: DescMethod = MasterService.method[row.rpc];
  const inPath = [...row.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]): Json => ({
    ...{ name, in: "path", required: true, schema: { type: "string" } },
  }));
  const inQuery = hasQuery(row)
    ? queryFields(row, method.input).map(({ name, field }): Json => ({
      ...{ name, in: "query", schema: schemas.ofField(field) },
      // A map is given as name=KEY=VALUE, as often as it has entries.
      ...(field.fieldKind === "map" ? { schema: TEXTS, explode: true } : {}),
    }))
    : [];
  return {
    description: `Stands for ${methodPath(method)}, and needs what that needs.`,
    parameters: [...inPath, ...inQuery, ...downloadOf(row)],
    ...(hasQuery(row) ? {} : { requestBody: jsonBody(bodyOf(row, method, schemas)) }),
    answer: row.kind === "call"
      ? answerOf(row, method, schemas)
      : row.events === "file"
      ? BYTES
      : eventContent([...EVENTS[row.events], "end"]),
  };
}

const TEXTS: Json = { type: "array", items: { type: "string" } };
const BYTES: Json = {
  description: "The bytes as they are; what a browser could run is handed out as a file",
  content: { "*/*": { schema: { type: "string", format: "binary" } } },
};
const EVENTS = { job: ["state", "progress"], log: ["log"], batch: ["batch"] } as const;

function downloadOf(row: CallRow | StreamRow): Json[] {
  if (!("view" in row) || row.view === undefined || !("bytes" in row.view)) return [];
  const description = "As a file, whatever it is";
  return [{ name: "download", in: "query", description, schema: { type: "boolean" } }];
}

/** The message without what the path and the route decide. */
function bodyOf(row: CallRow | StreamRow, { input }: DescMethod, schemas: Schemas): Json {
  const decided = new Set([
    ...[...row.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
    ...Object.keys(row.fixed ?? {}),
  ]);
  if (decided.size === 0) return schemas.of(input);
  const left = input.fields.filter(({ name }) => !decided.has(name));
  return {
    type: "object",
    properties: Object.fromEntries(left.map((field) => [field.name, schemas.ofField(field)])),
    additionalProperties: false,
  };
}

/** What `submissions.ts` makes of what a submission says, or leaves out. */
const SUBMISSION: Readonly<Record<string, Json>> = {
  payload_json: { description: "In place of payload: any JSON, which becomes its bytes" },
  payload_text: { type: "string", description: "In place of payload: a text" },
  priority: { type: "integer", format: "int32", default: PRIORITY_DEFAULT },
  max_retries: {
    ...{ type: "integer", format: "int32" },
    description: "Attempts after the first; absent: the type's or the cluster's",
  },
};

function answerOf({ view }: CallRow, { output }: DescMethod, schemas: Schemas): Json {
  if (view === undefined) return jsonContent(schemas.of(output));
  if ("bytes" in view) {
    return BYTES;
  }
  const shown = view.fields.map((name) => {
    const field = output.fields.find((each) => each.name === name);
    if (field === undefined) throw new Error(`invariant: ${output.typeName} has no field ${name}`);
    return [view.as ?? name, schemas.ofField(field)];
  });
  return jsonContent({
    type: "object",
    properties: {
      ...{ job_id: { type: "string" }, status: { type: "string" } },
      ...Object.fromEntries(shown),
    },
  });
}

function jsonContent(schema: Json): Json {
  return { description: "What was asked for", content: { "application/json": { schema } } };
}

function jsonBody(schema: Json): Json {
  return { required: true, content: { "application/json": { schema } } };
}

function eventContent(events: readonly string[]): Json {
  return {
    description: `Server-sent events: ${events.join(", ")}. Their data are JSON`,
    content: { "text/event-stream": { schema: { type: "string" } } },
  };
}

/** The messages that are spoken of, each described once. */
class Schemas {
  readonly all: Record<string, Json> = {};

  of(message: DescMessage): Json {
    if (this.all[message.name] === undefined) {
      this.all[message.name] = {}; // a message may hold itself
      this.all[message.name] = {
        type: "object",
        properties: {
          ...Object.fromEntries(message.fields.map((field) => [field.name, this.ofField(field)])),
          ...(isSubmission(message) ? SUBMISSION : {}),
        },
        additionalProperties: false,
      };
    }
    return { $ref: `#/components/schemas/${message.name}` };
  }

  ofField(field: DescField): Json {
    switch (field.fieldKind) {
      case "list":
        return { type: "array", items: this.#ofValue(field) };
      case "map":
        return { type: "object", additionalProperties: this.#ofValue(field) };
      default:
        return this.#ofValue(field);
    }
  }

  #ofValue(field: DescField): Json {
    const message = messageIn(field);
    if (message !== undefined) return this.of(message);
    if (field.message !== undefined) return { type: "string", format: "date-time" };
    if (isWide(field)) return { type: ["integer", "string"], format: "int64" };
    switch (field.scalar) {
      case ScalarType.BOOL:
        return { type: "boolean" };
      case ScalarType.BYTES:
        return { type: "string", contentEncoding: "base64" };
      case ScalarType.INT32:
      case ScalarType.UINT32:
        return { type: "integer", format: "int32" };
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        return { type: "number", format: "double" };
      default:
        return { type: "string" };
    }
  }
}
