import assert from "node:assert/strict";
import { MasterService, methodPath, Refusal, type RefusalReason } from "../rpc/mod.ts";
import {
  createLogger,
  createMasterMetrics,
  createMetricsRegistry,
  createRpcObserver,
  discardLogger,
  silentTracer,
} from "../observability/mod.ts";
import { loadPolicies, PERMISSIONS } from "../security/mod.ts";
import { json, serving, strictGate, tokenOf } from "./gateway_test_support.ts";
import { API_ROUTES, NOT_SERVED, routeName } from "./routes.ts";

Deno.test("every call of the service has a route, or is named as one that has none", () => {
  const served = new Set<string>(API_ROUTES.flatMap((row) => "rpc" in row ? [row.rpc] : []));
  const missing = MasterService.methods.map((each) => each.localName)
    .filter((name) => !served.has(name) && !NOT_SERVED.some((each) => each === name));
  assert.deepEqual(missing, []);
  assert.deepEqual(NOT_SERVED.filter((name) => served.has(name)), []);
});

Deno.test("every route has a policy: of its call, or a permission that exists", async () => {
  const policies = await loadPolicies();
  const calls = API_ROUTES.flatMap((row) => "rpc" in row ? [row.rpc] : [])
    .map((name) => methodPath(MasterService.method[name]));
  assert.deepEqual(policies.methodsWithoutPolicy(calls), []);
  for (const row of API_ROUTES) {
    if (row.kind !== "own" || typeof row.access === "string") continue;
    if ("like" in row.access) {
      const { like } = row.access;
      assert.ok(calls.includes(methodPath(MasterService.method[like])), routeName(row));
    } else assert.ok(PERMISSIONS.includes(row.access.permission), routeName(row));
  }
  const open = API_ROUTES.filter((row) => row.kind === "own" && typeof row.access === "string");
  assert.deepEqual(open.map(routeName), [
    "GET /api/v1/whoami",
    "POST /api/v1/login",
    "POST /api/v1/logout",
    "GET /api/v1/openapi.json",
  ]);
});

Deno.test("a question becomes the message of its call, by path and query", async () => {
  const asked: unknown[] = [];
  const listJobs = (request: Record<string, unknown>) => {
    asked.push(request);
    return {
      jobs: [{ id: "j", fencingToken: 7n, timeoutMs: 2n ** 60n, labels: { a: "b" } }],
      total: 1,
    };
  };
  await serving({ handlers: { listJobs } }, async (ask) => {
    const query = "status=running&labels=a%3Db&labels=c%3Dd%3De&limit=5&stale=true" +
      "&created_from=2026-11-26T05:00:00Z&unfinished=false";
    const response = await ask(`GET /jobs?${query}`);
    assert.equal(response.status, 200);
    const { jobs: [job], ...page } = await response.json();
    assert.deepEqual(page, { total: 1, next_cursor: "", total_is_at_least: false });
    assert.equal(job.fencing_token, 7, "an integer that a number holds is one");
    assert.equal(job.timeout_ms, "1152921504606846976", "and one that it does not is a text");
    assert.deepEqual([job.payload, job.dead_letter, job.labels], ["", false, { a: "b" }]);
    assert.ok(!("result" in job) && !("started_at" in job), "what is absent is left out");
  });
  const [{ filter, limit, stale }] = asked as [Record<string, unknown>];
  assert.deepEqual([limit, stale], [5, true]);
  const { status, labels, unfinished, createdFrom } = filter as Record<string, unknown>;
  assert.deepEqual([status, labels, unfinished], ["running", { a: "b", c: "d=e" }, false]);
  assert.equal((createdFrom as { seconds: bigint }).seconds, 1_795_669_200n);
});

Deno.test("what is written becomes the message of its call, by path and body", async () => {
  const asked: Record<string, unknown>[] = [];
  const answering = (answer: unknown) => (request: Record<string, unknown>) => {
    asked.push(request);
    return answer;
  };
  const handlers = {
    submitJob: answering({ jobId: "j", status: "success" }),
    cancelJob: answering({ success: true }),
    configure: answering({ changed: true }),
  };
  await serving({ handlers }, async (ask) => {
    const submitted = await ask(
      "POST /jobs",
      json({ type: "t", priority: 3, payload_json: { ü: [1] }, options: { queue: "q" } }),
    );
    assert.equal((await submitted.json()).job_id, "j");
    await ask("POST /jobs", json({ type: "t", payload: "AAEC", maxRetries: 2 }));
    await ask("POST /jobs/a%2Fb/cancel", json({ reason: "because" }));
    await ask("POST /types/t/configure", json({ paused: true, running_max: 4 }));
    assert.equal((await ask("POST /types/t/configure", json({ scope: "queue" }))).status, 400);
  });
  const text = (bytes: unknown) => new TextDecoder().decode(bytes as Uint8Array);
  assert.deepEqual([asked[0]?.type, asked[0]?.priority], ["t", 3]);
  assert.equal(text(asked[0]?.payload), '{"ü":[1]}');
  assert.deepEqual(asked[1]?.payload, new Uint8Array([0, 1, 2]));
  assert.equal(asked[1]?.maxRetries, 2, "protobuf's other names are read, too");
  assert.deepEqual([asked[2]?.jobId, asked[2]?.reason], ["a/b", "because"]);
  const { scope, name, paused, runningMax } = asked[3] ?? {};
  assert.deepEqual([scope, name, paused, runningMax], ["type", "t", true, 4n]);
  assert.equal(asked.length, 4);
});

Deno.test("a payload keeps every digit of its numbers, whatever a number of this program holds", async () => {
  const payload = '{"id":12345678901234567890,"pi":3.14159265358979323846,"big":1e400}';
  const jobs: { payload: Uint8Array; timeoutMs: bigint }[] = [];
  const handlers = {
    submitJob: (job: (typeof jobs)[number]) => (jobs.push(job), { jobId: "j" }),
  };
  await serving({ handlers }, async (ask) => {
    const body = `{"type":"t","timeout_ms":9007199254740993,"payload_json":${payload}}`;
    const answer = await ask("POST /jobs", { ...json({}), body });
    await answer.body?.cancel();
  });
  assert.equal(new TextDecoder().decode(jobs[0]?.payload), payload);
  assert.equal(jobs[0]?.timeoutMs, 9007199254740992n, "what is no payload is what a number holds");
});

Deno.test("a submission says what its payload is, and gets what commands give where it says nothing, alone and in what holds it", async () => {
  type Job = { payload: Uint8Array; priority: number; maxRetries: number; defaultRetries: boolean };
  const jobs: Job[] = [];
  const handlers = {
    submitJob: (job: Job) => (jobs.push(job), { jobId: "j", status: "success" }),
    submitJobs: (request: { jobs: Job[] }) => (jobs.push(...request.jobs), {}),
    addSchedule: (request: { schedule: { job: Job } }) => (jobs.push(request.schedule.job), {}),
  };
  await serving({ handlers }, async (ask) => {
    const bare = { type: "t", payload_json: { a: 1 } };
    await ask("POST /jobs", json(bare));
    await ask("POST /jobs/submit-many", json({ jobs: [bare, { type: "t", payload_text: "x" }] }));
    await ask("POST /schedules", json({ schedule: { name: "s", job: bare } }));
    await ask("POST /jobs", json({ type: "t", priority: 0, max_retries: 0 }));
    await ask("POST /jobs", json({ type: "t", priority: null, maxRetries: 2 }));
    await ask("POST /jobs", json({ type: "t", default_retries: false }));
    const both = await ask("POST /jobs/submit-many", json({ jobs: [{ ...bare, payload: "" }] }));
    assert.match((await both.json()).error.message, /exclude each other/);
  });
  const text = new TextDecoder();
  assert.deepEqual(
    jobs.map(({ payload, priority, maxRetries, defaultRetries }) => [
      ...[text.decode(payload), priority, defaultRetries ? "default" : maxRetries],
    ]),
    [
      ['{"a":1}', 5, "default"],
      ['{"a":1}', 5, "default"],
      ["x", 5, "default"],
      ['{"a":1}', 5, "default"],
      ["", 0, 0],
      ["", 5, 2],
      ["", 5, 0],
    ],
  );
});

Deno.test("what a handler says of a filter is said in the words of the query, and in those of a body", () =>
  serving({
    handlers: {
      listJobs: () => Promise.reject(new Refusal("invalid", 'filter.status is "x"; it may be')),
      cancelJobs: () => Promise.reject(new Refusal("invalid", 'filter.status is "x"; it may be')),
    },
  }, async (ask) => {
    const queried = await ask("GET /jobs?status=x");
    assert.equal((await queried.json()).error.message, 'status is "x"; it may be');
    const posted = await ask("POST /jobs/cancel", json({ filter: { status: "x" } }));
    assert.equal((await posted.json()).error.message, 'filter.status is "x"; it may be');
  }));

Deno.test("what is wrong with a request is said, and nothing is called", () =>
  serving({}, async (ask) => {
    const cases: [route: string, init: RequestInit, status: number, message: RegExp][] = [
      ["GET /jobs?colour=red", {}, 400, /no parameter "colour": this route takes status_filter, /],
      ["GET /jobs?limit=ten", {}, 400, /^limit is "ten"; it is a whole number$/],
      ["GET /jobs?limit=1&limit=2", {}, 400, /^limit is given 2 times$/],
      ["GET /jobs?limit=99999999999", {}, 400, /^limit: /],
      ["GET /jobs?stale=perhaps", {}, 400, /^stale is "perhaps"; it is true or false$/],
      ["GET /jobs?labels=a", {}, 400, /^labels=a is no KEY=VALUE$/],
      ["GET /jobs?labels=a=b&labels=a=c", {}, 400, /^labels gives "a" more than once$/],
      ["GET /members?x=1", {}, 400, /^there is no parameter "x": this route takes none$/],
      ["GET /jobs?created_from=today", {}, 400, /^created_from is "today"; it is a time/],
      ["GET /jobs?created_from=2026-02-30T05:00:00Z", {}, 400, /; it is a time such as/],
      ["GET /jobs?created_from=2026-11-26T05:00:00", {}, 400, /; it is a time such as/],
      ["POST /jobs?type=t", json({}), 400, /takes what it needs in its body$/],
      ["POST /jobs", json({ tipe: "t" }), 400, /^there is no field "tipe" in this request$/],
      ["POST /jobs", json({ type: 7 }), 400, /^type: expected string, got 7$/],
      [
        "POST /jobs",
        json({ payload: "!" }),
        400,
        /^payload: .*base64.*; JSON goes into payload_json/,
      ],
      [
        "POST /jobs",
        json({ payload: { a: 1 } }),
        400,
        /^payload: expected text in base64, .*payload_json/,
      ],
      ["POST /jobs", json([1]), 400, /^the body is no JSON object$/],
      ["POST /jobs", { ...json({}), body: "{" }, 400, /^the body is not JSON: /],
      ["POST /jobs", { ...json({}), body: new Uint8Array([0xff]) }, 400, /^the body is not JSON/],
      ["POST /jobs", { body: "{}" }, 415, /^the content-type is "text\/plain/],
      ["POST /jobs", json({}, { "content-encoding": "gzip" }), 415, /content-encoding is "gzip"; /],
      ["POST /jobs", json({ payload: "x".repeat(100_000) }), 413, /more than the \d+ bytes that/],
      ["POST /jobs", { ...json({}), body: streamOf(100_000) }, 413, /more than the \d+ bytes that/],
      ["GET /jobs/%ff", {}, 404, /^there is nothing at /],
      ["GET /nothing", {}, 404, /^there is nothing at \/api\/v1\/nothing$/],
    ];
    for (const [route, init, status, message] of cases) {
      const response = await ask(route, init);
      const { error } = await response.json();
      assert.equal(response.status, status, `${route}: ${error.message}`);
      assert.match(error.message, message);
      assert.match(error.code, /^[A-Z_]+$/);
    }
    const response = await ask("PUT /jobs", json({}));
    assert.equal(response.status, 405);
    assert.equal(response.headers.get("allow"), "GET, HEAD, POST");
    assert.equal((await response.json()).error.code, "METHOD_NOT_ALLOWED");
  }));

Deno.test("a refusal has the status that google.rpc gives its code", async () => {
  let refusal = new Refusal("internal", "");
  const handlers = {
    getClusterHealth: () => {
      throw refusal;
    },
  };
  const expected: Partial<Record<RefusalReason, [number, string]>> = {
    invalid: [400, "INVALID_ARGUMENT"],
    failed_precondition: [400, "FAILED_PRECONDITION"],
    not_found: [404, "NOT_FOUND"],
    already_exists: [409, "ALREADY_EXISTS"],
    too_large: [413, "RESOURCE_EXHAUSTED"],
    overloaded: [429, "RESOURCE_EXHAUSTED"],
    unavailable: [503, "UNAVAILABLE"],
    outcome_unknown: [504, "DEADLINE_EXCEEDED"],
    internal: [500, "INTERNAL"],
  };
  await serving({ handlers }, async (ask) => {
    for (const [reason, [status, code]] of Object.entries(expected)) {
      const retryAfterMs = reason === "overloaded" ? 1_200.5 : undefined;
      refusal = new Refusal(reason as RefusalReason, "why", {
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
      const response = await ask("GET /cluster");
      assert.equal(response.status, status);
      assert.equal(response.headers.get("retry-after"), reason === "overloaded" ? "2" : null);
      assert.deepEqual(await response.json(), {
        error: {
          code,
          message: "why",
          ...(reason === "overloaded" ? { retry_after_ms: 1_201 } : {}),
        },
      });
    }
  });
  await serving({ isStarting: true }, async (ask) => {
    assert.equal((await ask("GET /cluster")).status, 503);
    assert.equal((await ask("GET /whoami")).status, 200);
  });
});

Deno.test("roles hold as over gRPC, the caller is who calls, and whoami tells what may be used", async () => {
  const callers: string[] = [];
  const handlers = {
    cancelJob: (_request: never, call: { readonly caller: { readonly userId: string } }) => {
      callers.push(call.caller.userId);
      return { success: true };
    },
  };
  await serving({ gate: await strictGate(), handlers }, async (ask) => {
    const as = async (role: string) => ({ authorization: `Bearer ${await tokenOf(role)}` });
    const viewer = await as("viewer");
    const operator = await as("operator");
    assert.equal((await ask("POST /jobs/j/cancel", json({}))).status, 401);
    const refused = await ask("POST /jobs/j/cancel", json({}, viewer));
    assert.equal(refused.status, 403);
    assert.match((await refused.json()).error.message, /CancelJob: it needs job:cancel$/);
    assert.equal((await ask("POST /jobs/j/cancel", json({}, operator))).status, 200);
    const may = async (headers: Record<string, string>) =>
      await (await ask("GET /whoami", { headers })).json();
    const seen = await may(viewer);
    assert.deepEqual([seen.user_id, seen.roles, seen.login], ["viewer", ["viewer"], "bearer"]);
    assert.ok(seen.routes.includes("GET /api/v1/jobs"));
    assert.ok(!seen.routes.includes("POST /api/v1/jobs/{job_id}/cancel"));
    assert.ok(seen.permissions.includes("job:view") && !seen.permissions.includes("job:cancel"));
    assert.ok((await may(operator)).routes.includes("POST /api/v1/jobs/{job_id}/cancel"));
    assert.equal((await may(await as("admin"))).routes.length, API_ROUTES.length);
    const confined = await may({
      authorization: `Bearer ${await tokenOf("viewer", ["red"])}`,
    });
    assert.deepEqual([seen.confined, seen.namespaces], [false, []]);
    assert.deepEqual([confined.confined, confined.namespaces], [true, ["red"]]);
    const stranger = await ask("GET /whoami");
    assert.equal(stranger.status, 401);
    assert.equal(stranger.headers.get("www-authenticate"), "Bearer");
    await stranger.body?.cancel();
  });
  assert.deepEqual(callers, ["operator"]);
});

Deno.test("a job is shown in parts, and what it left as the bytes that it is", async () => {
  let result: Record<string, unknown> | undefined;
  const handlers = {
    getJobStatus: ({ withoutPayload }: { withoutPayload: boolean }) => ({
      job: {
        id: "j",
        status: "completed",
        payload: withoutPayload ? new Uint8Array(0) : new TextEncoder().encode("{}"),
        result,
      },
      logTail: ["one", "two"],
      reasons: [{ code: "completed", message: "it is" }],
    }),
  };
  await serving({ handlers }, async (ask) => {
    const shown = async (route: string) => await (await ask(route)).json();
    assert.deepEqual(await shown("GET /jobs/j/logs"), {
      job_id: "j",
      status: "completed",
      lines: ["one", "two"],
    });
    assert.deepEqual((await shown("GET /jobs/j/explain")).reasons[0].code, "completed");
    assert.equal((await ask("GET /jobs/j/result")).status, 404);
    const left = async (contentType: string, query = "") => {
      result = { success: true, output: new Uint8Array([60, 62]), contentType };
      const response = await ask(`GET /jobs/j/result${query}`);
      assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array([60, 62]));
      assert.match(response.headers.get("content-security-policy") ?? "", /sandbox/);
      assert.equal(response.headers.get("x-content-type-options"), "nosniff");
      return [
        response.headers.get("content-type"),
        response.headers.get("content-disposition")?.split(";")[0],
      ];
    };
    assert.deepEqual(await left("image/png"), ["image/png", "inline"]);
    assert.deepEqual(await left("image/png", "?download=true"), ["image/png", "attachment"]);
    assert.deepEqual(await left("Text/CSV"), ["text/csv; charset=utf-8", "inline"]);
    for (const active of ["text/html", "image/svg+xml", "text/javascript", "", "a\r\nb: c"]) {
      assert.deepEqual(await left(active), ["application/octet-stream", "attachment"], active);
    }
    const payload = await ask("GET /jobs/j/payload");
    assert.equal(payload.headers.get("content-type"), "application/json; charset=utf-8");
    assert.equal(await payload.text(), "{}");
  });
});

/** A body that does not say how long it is. */
function streamOf(length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new Blob([" ".repeat(length)]).stream();
}

Deno.test("a body that ends early is its sender's loss, and is no fault of ours", async () => {
  const faults: unknown[] = [];
  const log = { ...discardLogger, error: (message: string) => faults.push(message) };
  await serving({ more: { log: log as never } }, async (ask, url) => {
    const { hostname, port } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const head = `POST /api/v1/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
    await connection.write(new TextEncoder().encode(`${head}content-length: 9\r\n\r\n{"a`));
    connection.close();
    assert.equal((await ask("GET /whoami")).status, 200);
  });
  assert.deepEqual(faults, []);
});

Deno.test("what is logged while a call is answered, and of its failure by our fault, has its trace's id", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = await createLogger({
    ...{ level: "info", format: "json", name: "master" },
    output: (line) => lines.push(JSON.parse(line)),
  });
  const registry = await createMetricsRegistry({ enabled: true });
  const observer = createRpcObserver({
    metrics: createMasterMetrics(registry).rpc,
    tracer: silentTracer,
    log: discardLogger,
  });
  const cancelJob = async () => {
    await Promise.resolve();
    log.info("somebody cancels");
    throw new Error("a bug");
  };
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  await serving({ handlers: { cancelJob }, more: { observer, log } }, async (ask) => {
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    const response = await ask("POST /jobs/j-1/cancel", json({}, { traceparent }));
    assert.equal(response.status, 500, await response.text());
  });
  assert.deepEqual(lines.map(({ msg, trace_id }) => [msg, trace_id]), [
    ["somebody cancels", traceId],
    ["a call of the HTTP API failed with an internal error", traceId],
  ]);
});
