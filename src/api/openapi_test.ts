import { Validator } from "@seriousme/openapi-schema-validator";
import assert from "node:assert/strict";
import { openAuditLog } from "../security/mod.ts";
import { json, serving } from "./gateway_test_support.ts";
import { openApi } from "./openapi.ts";
import { API_ROOT, API_ROUTES, routeName } from "./routes.ts";

interface Content {
  readonly content: Readonly<
    Record<string, { schema: { properties: object; required: string[] } }>
  >;
}

/** What the tests look at of an operation. */
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<number, Content>>;
}

/** As whoever reads its JSON finds it. */
const DOCUMENT: {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, { properties: Record<string, unknown> }>>;
  };
} = JSON.parse(JSON.stringify(openApi("1.2.3")));

function operationOf(path: string, verb: string): Operation {
  const found = DOCUMENT.paths[`${API_ROOT}${path}`]?.[verb.toLowerCase()];
  assert.ok(found !== undefined, `${verb} ${path} is not described`);
  return found;
}

Deno.test("the description is a valid OpenAPI document", async () => {
  const result = await new Validator().validate(structuredClone(DOCUMENT));
  assert.ok(result.valid, JSON.stringify(result.errors, null, 2));
  assert.equal(DOCUMENT.openapi, "3.1.0");
  const broken = { ...structuredClone(DOCUMENT), paths: { "/x": { get: { responses: 200 } } } };
  assert.equal((await new Validator().validate(broken)).valid, false, "the validator looks");
});

Deno.test("it describes every route and nothing else, each under a name of its own", () => {
  const described = Object.entries(DOCUMENT.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((verb) => `${verb.toUpperCase()} ${path}`)
  );
  assert.deepEqual(described.sort(), API_ROUTES.map(routeName).sort());
  const operations = Object.values(DOCUMENT.paths).flatMap((each) => Object.values(each));
  const names = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(names).size, names.length);
  for (const { operationId, summary, responses } of operations) {
    assert.match(operationId, /^[a-z][a-z_0-9]+$/);
    assert.ok(summary.length > 5 && responses[200] !== undefined, operationId);
  }
});

Deno.test("it speaks of fields as the .proto files do, and every reference leads somewhere", () => {
  const { schemas } = DOCUMENT.components;
  const { fencing_token, created_at, payload, labels, options } = schemas.Job!.properties;
  assert.deepEqual(fencing_token, { type: ["integer", "string"], format: "int64" });
  assert.deepEqual(created_at, { type: "string", format: "date-time" });
  assert.deepEqual(payload, { type: "string", contentEncoding: "base64" });
  assert.deepEqual(labels, { type: "object", additionalProperties: { type: "string" } });
  assert.deepEqual(options, { $ref: "#/components/schemas/JobOptions" });
  const names = [...JSON.stringify(DOCUMENT).matchAll(/#\/components\/schemas\/(\w+)/g)];
  assert.deepEqual(names.map(([, name]) => name).filter((name) => !(name! in schemas)), []);
  const parameters = operationOf("/jobs", "get").parameters?.map(({ name }) => name) ?? [];
  for (const name of ["status", "labels", "created_from", "cursor", "limit"]) {
    assert.ok(parameters.includes(name), name);
  }
  const submission = operationOf("/jobs", "post").requestBody?.content["application/json"];
  assert.deepEqual(submission!.schema, { $ref: "#/components/schemas/SubmitJobRequest" });
  const { properties } = schemas.SubmitJobRequest!;
  assert.ok("payload_json" in properties && "type" in properties);
});

Deno.test("it is open, compressed, and sent again only when it changed", () =>
  serving({}, async (ask) => {
    const response = await ask("GET /openapi.json", { headers: { "accept-encoding": "gzip" } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-encoding"), "gzip");
    assert.equal((await response.json()).info.version, "1.2.3");
    const etag = response.headers.get("etag") ?? "";
    const again = await ask("GET /openapi.json", { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);
  }));

Deno.test("what stands for no call answers as it is described", async () => {
  const log = openAuditLog({ enabled: true, output: "stdout" });
  const more = { audit: { log: log!, output: "stdout" } };
  await serving({ more }, async (ask) => {
    const routes = ["GET /whoami", "POST /logout", "GET /history", "GET /job-types", "GET /audit"];
    for (const route of routes) {
      const [verb = "", path = ""] = route.split(" ");
      const described = operationOf(path, verb).responses[200]?.content["application/json"];
      const answer = await (await ask(route, verb === "POST" ? json({}) : {})).json();
      const { properties, required } = described!.schema;
      assert.deepEqual(required.filter((name) => !(name in answer)), [], route);
      assert.deepEqual(Object.keys(answer).filter((name) => !(name in properties)), [], route);
    }
  });
});
