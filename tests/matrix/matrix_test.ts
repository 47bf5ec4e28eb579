/**
 * Who may do what, through the real program: every RPC on every port and every page, with every kind of
 * certificate and token, on the leader and on a follower of a cluster in the production profile.
 */

import assert from "node:assert/strict";
import { MasterService } from "../../src/rpc/mod.ts";
import { until } from "../e2e/support.ts";
import { call, Callers, wireOf } from "./calls.ts";
import { WRONG_CERTIFICATES } from "./certificates.ts";
import { cellsOf, differences, unaudited } from "./cells.ts";
import { CLIENT_PORT, PEERS_PORT, WORKER_PORT } from "./expectations.ts";
import { hostileTokens } from "./hostile_tokens.ts";
import { everyMethod } from "./methods.ts";
import { namespacesAreApart } from "./namespaces.ts";
import { page, pageCells, pageDifferences } from "./pages.ts";
import { onScene, type Scene } from "./scene.ts";
import { stateOf } from "./state.ts";
import { makeSigningKey } from "./tokens.ts";

Deno.test("nobody gets in who does not belong", (t) =>
  onScene(async (scene) => {
    const methods = await everyMethod();
    const cells = cellsOf(scene, methods);
    const before = await stateOf(scene);

    await t.step("every RPC that there is has an expectation, and no other", () => {
      const expected = [CLIENT_PORT, WORKER_PORT, PEERS_PORT].flatMap((each) => Object.keys(each));
      assert.deepEqual([...new Set(expected)].sort(), [...methods.keys()].sort());
    });

    await t.step("calls that must be refused are, each with its code", async () => {
      const refused = cells.filter(({ isRefused }) => isRefused);
      assert.ok(refused.length > 3_000, `only ${refused.length} cells`);
      assert.deepEqual(await differences(scene, refused), []);
      // Lines are written a moment after their caller was answered.
      let missing: string[] = [];
      await until("a line for each of them in the audit log", async () => {
        missing = await unaudited(scene, refused);
        return missing.length === 0;
      }).catch(() => assert.deepEqual(missing, []));
    });

    await t.step("without a certificate, or with a wrong one, no connection comes about", () =>
      noConnection(scene));

    await t.step("no hostile token opens a call or a page", () =>
      nobodyByToken(scene));

    await t.step("pages and the API's routes answer as their readers' roles have it", async () => {
      assert.deepEqual(await pageDifferences(scene, await pageCells(scene)), []);
    });

    await t.step("nothing of all that has changed anything", async () => {
      assert.equal(await stateOf(scene), before);
    });

    await t.step("who is there for a namespace learns nothing of another", () =>
      namespacesAreApart(scene));

    await t.step("whoever may is answered", async () => {
      assert.deepEqual(
        await differences(
          scene,
          cells.filter(({ isRefused }) =>
            !isRefused
          ),
        ),
        [],
      );
    });
  }));

/** The few calls of each that it takes: none of them reaches the gate. */
async function noConnection(scene: Scene): Promise<void> {
  const { leader, follower, worker, tokens } = scene;
  const ports = [leader.grpc, leader.raft, follower.grpc, follower.raft, worker.grpc];
  const method = MasterService.method.listJobs;
  const outcomes = await Promise.all(
    [null, ...WRONG_CERTIFICATES].flatMap((certificate) =>
      ports.map(async (port) => {
        // Of its own: whoever is refused waits before it connects again.
        const callers = new Callers(scene.certificates);
        const client = callers.at(port, certificate);
        const { code } = await call(client, method, wireOf(method, {}), tokens.admin);
        callers.close();
        return { certificate, port, code };
      })
    ),
  );
  assert.deepEqual(outcomes.filter(({ code }) => code !== "UNAVAILABLE"), []);
}

async function nobodyByToken(scene: Scene): Promise<void> {
  const hostile = await hostileTokens(scene.key, await makeSigningKey());
  assert.ok(hostile.size >= 40, `only ${hostile.size} tokens`);
  const method = MasterService.method.listJobs;
  const wrong: string[] = [];
  for (const node of [scene.leader, scene.follower]) {
    for (const [what, token] of hostile) {
      const client = scene.callers.at(node.grpc, "client");
      const { code, message } = await call(client, method, wireOf(method, {}), `Bearer ${token}`);
      const isLeaked = token.length > 20 && message.includes(token.slice(0, 20));
      if (code !== "UNAUTHENTICATED" || isLeaked) wrong.push(`${what}: ${code} (${message})`);
    }
  }
  for (const [what, token] of hostile) {
    const place = { port: scene.leader.metrics, path: "/metrics" };
    const { status } = await page(scene, place, null, `Bearer ${token}`);
    if (status !== 401 && status !== 431) wrong.push(`${what}: /metrics answered ${status}`);
  }
  assert.deepEqual(wrong, []);
}
