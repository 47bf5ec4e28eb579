/**
 * One master that enforces roles, one worker, one browser: what all steps of the dashboard's test share.
 *
 * @module
 */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { Host, until } from "../e2e/support.ts";
import { launch, type Visitor, visitor } from "../../scripts/browser/chromium.ts";

/** A job type that says what it is told to, until it is told to stop. */
const HANDLERS = `
export default {
  name: "chatty",
  summary: "Logs lines, then waits.",
  isolation: "inline",
  async run({ lines = [], fraction = 0, seconds = 0, fails = 0 }, context) {
    for (const line of lines) context.log(fails > 0 ? line + " " + context.attempt : line);
    context.progress(fraction, lines[0] ?? "");
    if (context.attempt <= fails) throw new Error("attempt " + context.attempt + " fails");
    if (seconds > 0) {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, seconds * 1000);
        context.signal.addEventListener("abort", () => {
          clearTimeout(timer);
          reject(context.signal.reason);
        });
      });
    }
    return { lines };
  },
};
`;

const SECRET = "browser-tests-secret-of-sufficient-length-0123456789";

/** A submission, as the API takes it. */
export interface Submission {
  readonly type: string;
  readonly payload_json?: unknown;
  readonly [field: string]: unknown;
}

export class World {
  readonly host: Host;
  readonly browser: Browser;
  /** Tokens by role. */
  readonly tokens: Readonly<Record<"admin" | "viewer", string>>;
  /** Whoever may do everything, logged in. */
  admin: Visitor;
  /** Starts the master again, once it has ended. */
  readonly startMaster: () => Promise<Deno.ChildProcess>;
  master: Deno.ChildProcess;

  private constructor(
    host: Host,
    browser: Browser,
    tokens: World["tokens"],
    { admin, startMaster, master }: Pick<World, "admin" | "startMaster" | "master">,
  ) {
    this.host = host;
    this.browser = browser;
    this.tokens = tokens;
    this.admin = admin;
    this.startMaster = startMaster;
    this.master = master;
  }

  static async begin(): Promise<World> {
    const host = new Host();
    const launching = launch();
    try {
      const config = join(host.directory, "secret.yaml");
      const handlers = join(host.directory, "handlers.js");
      await Deno.writeTextFile(handlers, HANDLERS);
      await Deno.writeTextFile(
        config,
        `security: {jwt: {secret_key: "${SECRET}"}, rbac: {enabled: true}}\n`,
        { mode: 0o600 },
      );
      const startMaster = () =>
        host.startMaster(`--config=${config}`, "--set=scheduler.max_pending_jobs=20000");
      const [admin, viewer, worker, master] = await Promise.all([
        token(host, config, "root", "admin"),
        token(host, config, "vera", "viewer"),
        token(host, config, "w1", "worker"),
        startMaster(),
      ]);
      host.startWorker("w1", `--token-file=${worker.file}`, `--handlers=${handlers}`);
      const browser = await launching;
      const tokens = { admin: admin.text, viewer: viewer.text };
      const parts = { admin: await visitor(browser), startMaster, master };
      const world = new World(host, browser, tokens, parts);
      await until("the worker", async () => {
        const { workers } = await world.api("workers");
        return workers.length === 1;
      });
      return world;
    } catch (failure) {
      await launching.then((browser) => browser.close());
      await host.stop();
      throw failure;
    }
  }

  async end(): Promise<void> {
    await this.browser.close();
    await this.host.stop();
  }

  /** Asks the API as an administrator. */
  // deno-lint-ignore no-explicit-any -- the answer's shape is the route's
  async api(path: string, body?: unknown, method = "POST"): Promise<any> {
    const response = await fetch(`${this.host.httpUrl}/api/v1/${path}`, {
      headers: {
        authorization: `Bearer ${this.tokens.admin}`,
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { method, body: JSON.stringify(body) }),
    });
    const answer = await response.json();
    assert.ok(response.ok, `${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Submits; resolves to the job's id. */
  async submit(submission: Submission): Promise<string> {
    return (await this.api("jobs", submission)).job_id;
  }

  /** Waits until a job has a status; resolves to the job. */
  // deno-lint-ignore no-explicit-any -- as above
  async awaitStatus(id: string, status: string): Promise<any> {
    let job;
    await until(`job ${id} ${status}`, async () => {
      job = (await this.api(`jobs/${id}`)).job;
      return job.status === status;
    });
    return job;
  }

  /** Opens an address of the page for the administrator, and waits for its heading. */
  async open(address: string): Promise<void> {
    await openAt(this.admin, this.host.httpUrl, address);
  }
}

/** Opens an address of the page, and waits until it shows its heading. */
export async function openAt({ page }: Visitor, url: string, address: string): Promise<void> {
  // A changed hash alone loads nothing anew, as it is for people who follow links.
  await page.goto(`${url}/#/${address}`);
  await page.locator(`main[data-address="#/${address}"] h1`).waitFor();
}

async function token(
  host: Host,
  config: string,
  subject: string,
  role: string,
): Promise<{ file: string; text: string }> {
  const file = join(host.directory, `${subject}.token`);
  const { code, stderr } = await host.client(
    ..."token issue --offline --ttl 1h".split(" "),
    ...["--subject", subject, "--role", role, "--out", file, `--config=${config}`],
  );
  assert.equal(code, 0, stderr);
  return { file, text: (await Deno.readTextFile(file)).split("\n")[0]! };
}
