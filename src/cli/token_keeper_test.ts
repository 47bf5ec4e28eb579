import assert from "node:assert/strict";
import { join } from "node:path";
import { Refusal, type TokenPairView } from "../rpc/mod.ts";
import { readTokenFile, writeTokenFile } from "./token_file.ts";
import { type Refresh, renewTokenFile, TokenKeeper } from "./token_keeper.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const LIFE_MS = 100_000;

/** What a keeper can read of a token; nobody checks its signature here. */
function token(issuedAtMs: number): string {
  const claims = { iat: issuedAtMs / 1000, exp: (issuedAtMs + LIFE_MS) / 1000 };
  return `e30.${
    new TextEncoder().encode(JSON.stringify(claims)).toBase64({ alphabet: "base64url" })
  }.x`;
}

/** A cluster that exchanges each refresh token once, or again under the same key. */
class Cluster {
  readonly presented: [string, string][] = [];
  /** Answers that are lost on the way back. */
  lost = 0;
  failure: Refusal | undefined;
  #generation = 0;
  #lastKey = "";
  nowMs = NOW_MS;

  readonly refresh: Refresh = (refreshToken, key) => {
    this.presented.push([refreshToken, key]);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const isRepeated = refreshToken === `r${this.#generation - 1}` && key === this.#lastKey;
    if (!isRepeated && refreshToken !== `r${this.#generation}`) {
      return Promise.reject(new Refusal("unauthenticated", "used before"));
    }
    if (!isRepeated) this.#generation++;
    this.#lastKey = key;
    if (this.lost-- > 0) return Promise.reject(new Refusal("unavailable", "the answer was lost"));
    return Promise.resolve({
      accessToken: token(this.nowMs),
      refreshToken: `r${this.#generation}`,
      expiresAtMs: this.nowMs + LIFE_MS,
    } as TokenPairView);
  };
}

async function withFile(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "credentials");
    writeTokenFile(path, { token: token(NOW_MS), refreshToken: "r0" });
    await test(path);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

Deno.test("a token is renewed before it ends, again and again, and the file always has the latest", async () => {
  await withFile(async (path) => {
    const cluster = new Cluster();
    let renewals = 0;
    const keeper = new TokenKeeper({
      path,
      refresh: cluster.refresh,
      onRenewed: () => renewals++,
      now: () => cluster.nowMs,
      log,
    });
    assert.equal(await keeper.look(), 60_000, "there is time");
    assert.equal(cluster.presented.length, 0);
    for (let life = 1; life <= 3; life++) {
      cluster.nowMs += LIFE_MS * 0.6;
      await keeper.look();
      assert.deepEqual([cluster.presented.length, renewals], [life, life]);
      assert.equal(keeper.token, token(cluster.nowMs));
      assert.deepEqual(readTokenFile(path), { token: keeper.token, refreshToken: `r${life}` });
    }
  });
});

Deno.test("after a lost answer or a crash the same is asked again, so that it is no theft", async () => {
  await withFile(async (path) => {
    const cluster = new Cluster();
    cluster.lost = 1;
    await assert.rejects(renewTokenFile(path, cluster.refresh), /answer was lost/);
    // The process is gone; the next one knows what was under way.
    const pair = await renewTokenFile(path, cluster.refresh);
    assert.equal(pair.refreshToken, "r1");
    const [[, first], [, second]] = cluster.presented as [[string, string], [string, string]];
    assert.equal(second, first);
    await renewTokenFile(path, cluster.refresh);
    assert.notEqual(cluster.presented[2]?.[1], first, "another token, another key");
    const left = [...Deno.readDirSync(join(path, ".."))].map(({ name }) => name);
    assert.deepEqual(left, ["credentials"]);
  });
});

Deno.test("what fails is tried again, and new tokens that somebody puts there are taken", async () => {
  await withFile(async (path) => {
    const cluster = new Cluster();
    cluster.nowMs += LIFE_MS;
    const keeper = new TokenKeeper({
      path,
      refresh: cluster.refresh,
      now: () => cluster.nowMs,
      log,
    });
    cluster.failure = new Refusal("unavailable", "nobody leads");
    const waits = [await keeper.look(), await keeper.look(), await keeper.look()];
    assert.deepEqual(waits, [500, 1000, 2000]);
    cluster.failure = new Refusal("unauthenticated", "revoked");
    assert.equal(await keeper.look(), 30_000);
    writeTokenFile(path, { token: token(cluster.nowMs), refreshToken: "r0" });
    await keeper.look();
    assert.equal(keeper.token, token(cluster.nowMs));
    cluster.failure = undefined;
    assert.equal(await keeper.look(), 60_000);
  });
});
