/** The HTTP API and the page of real masters: one that leads and one that follows, secured and open. */

import assert from "node:assert/strict";
import { issueTokens } from "../../src/security/mod.ts";
import { eventsOf, next } from "../../src/api/events_test_support.ts";
import { eventually, onCluster, written } from "../ha/support.ts";
import { onHost } from "./support.ts";

const HOUR_MS = 3_600_000;
const SECRET = "a secret of at least thirty-two characters, for tests alone";

async function tokenOf(subject: string, role: string): Promise<string> {
  const { accessToken } = await issueTokens({
    profile: "development",
    secret: SECRET,
    issuer: "conductor-dev",
    audience: "conductor-api",
  }, { subject, roles: [role], accessTtlMs: HOUR_MS, refreshTtlMs: HOUR_MS, nowMs: Date.now() });
  return accessToken;
}

/** A browser: what the page sends, with the cookie of its session. */
class Browser {
  readonly #url: string;
  #cookie = "";

  constructor(url: string) {
    this.#url = url;
  }

  ask(route: string, body?: unknown): Promise<Response> {
    const [method = "", path] = route.split(" ");
    return fetch(`${this.#url}/api/v1${path}`, {
      method,
      headers: {
        cookie: this.#cookie,
        "sec-fetch-site": "same-origin",
        "x-conductor-request": "1",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async json(route: string, body?: unknown) {
    const response = await this.ask(route, body);
    const json = await response.json();
    assert.equal(response.status, 200, `${route}: ${JSON.stringify(json)}`);
    return json;
  }

  async login(token: string) {
    const response = await this.ask("POST /login", { token });
    assert.equal(response.status, 200);
    this.#cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
    return await response.json();
  }
}

Deno.test("a follower's page does all that its user may, by the leader, and follows a job to its end", () =>
  onCluster({
    masters: 2,
    workers: 0,
    founding: "static",
    masterFlags: [
      "--set=security.rbac.enabled=true",
      "--set=security.http_auth=false", // the tests' own look at pages says not who it is
      `--set=security.jwt.secret_key=${SECRET}`,
    ],
  }, async (cluster) => {
    const leader = await cluster.leader();
    const follower = cluster.masters.find((each) => each !== leader)!;
    cluster.startWorker("w1", `--token=${await tokenOf("w1", "worker")}`);
    const page = await fetch(`${follower.httpUrl}/`);
    assert.match(await page.text(), /<script type="module" src="/);
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'self'/);

    const olga = new Browser(follower.httpUrl);
    assert.equal((await olga.ask("GET /whoami")).status, 401);
    const { routes, user_id, node_id } = await olga.login(await tokenOf("olga", "operator"));
    assert.deepEqual([user_id, node_id], ["olga", follower.name]);
    assert.ok(routes.includes("POST /api/v1/jobs") && !routes.includes("GET /api/v1/audit"));

    const watching = eventsOf(await olga.ask("GET /events"));
    let lags, seen;
    do { // a follower knows them by its leader, once it has asked
      seen = (await next(watching, "cluster")).data;
      lags = seen.members.map((each: { lag: unknown }) => typeof each.lag);
    } while (lags.join() !== "number,number");
    assert.equal(seen.leader_id, leader.name);

    const { job_id } = await olga.json("POST /jobs", {
      type: "test_sleep",
      payload_json: { duration: "100ms" },
    });
    const told = eventsOf(await olga.ask(`GET /jobs/${job_id}/events`));
    let last;
    do last = await next(told, "state"); while (last.data.job.status !== "completed");
    assert.equal(last.data.job.assigned_to, "w1");
    assert.equal((await next(told, "end")).data.code, "OK");
    let hint;
    do hint = await next(watching, "jobs"); while (
      !hint.data.jobs.some(({ id }) => id === job_id)
    );
    await watching.return(undefined);

    const { jobs, total } = await olga.json("GET /jobs?status=completed&limit=10");
    assert.deepEqual([total, jobs[0].id, jobs[0].submitted_by], [1, job_id, "olga"]);
    assert.equal((await olga.json(`GET /jobs/${job_id}/attempts`)).attempts[0].worker_id, "w1");
    const { slept_ms } = await (await olga.ask(`GET /jobs/${job_id}/result`)).json();
    assert.ok(slept_ms >= 100);
    const { columns } = await eventually("a point of the history has the job", async () => {
      const history = await olga.json("GET /history");
      return history.columns.completed?.some((each: number) => each > 0) ? history : undefined;
    });
    // Not how long it ran: its start may be heard of shortly before its end.
    assert.ok(columns.total_p50_ms.some((each: number | null) => each !== null && each >= 90));

    const victor = new Browser(follower.httpUrl);
    await victor.login(await tokenOf("victor", "viewer"));
    const refused = await victor.ask(`POST /jobs/${job_id}/cancel`, {});
    assert.equal(refused.status, 403);
    assert.equal((await refused.json()).error.code, "PERMISSION_DENIED");
    const finished = await olga.ask(`POST /jobs/${job_id}/cancel`, {});
    assert.equal((await finished.json()).error.code, "FAILED_PRECONDITION", "as its leader says");

    await written(
      `${cluster.directory}/${follower.name}.audit.log`,
      /CancelJob.*victor|victor.*CancelJob/,
    );
    const root = new Browser(follower.httpUrl);
    await root.login(await tokenOf("root", "admin"));
    const { lines } = await root.json("GET /audit");
    assert.ok(lines.some((line: { user_id: string }) => line.user_id === "victor"));
    await root.json("POST /tokens/revoke", { subject: "victor", reason: "it was a test" });
    await eventually("the follower knows that victor's session is over", async () => {
      const response = await victor.ask("GET /whoami");
      await response.body?.cancel();
      return response.status === 401 ? true : undefined;
    });
  }));

Deno.test("an open master's API asks nobody who they are", () =>
  onHost(async (host) => {
    await host.startMaster();
    const anybody = new Browser(host.httpUrl);
    const { login_required, routes } = await anybody.json("GET /whoami");
    assert.equal(login_required, false);
    assert.ok(routes.includes("GET /api/v1/audit"));
    const { job_id } = await anybody.json("POST /jobs", { type: "noop", payload_text: "{}" });
    assert.equal((await anybody.json(`GET /jobs/${job_id}/explain`)).reasons[0].code, "no_worker");
    await anybody.json(`POST /jobs/${job_id}/cancel`, { reason: "no use" });
    const { job } = await anybody.json(`GET /jobs/${job_id}?without_payload=true`);
    assert.equal(job.status, "cancelled");
    const { paths } = await anybody.json("GET /openapi.json");
    assert.ok(paths["/api/v1/jobs"]);
    const { job_types } = await anybody.json("GET /job-types");
    assert.ok(job_types.some(({ name }: { name: string }) => name === "data_analysis"));
  }));
