import assert from "node:assert/strict";
import type { MasterApi } from "./master_api.ts";
import { MemberClient } from "./member_client.ts";
import { channelTo, freePort, startTestMaster } from "./server_test_support.ts";
import { Refusal } from "./status.ts";

async function backedUp(addresses: readonly string[]): Promise<number[]> {
  const client = new MemberClient(channelTo(addresses));
  const bytes: number[] = [];
  try {
    for await (const piece of client.backup({ stale: false })) bytes.push(...piece);
  } finally {
    client.close();
  }
  return bytes;
}

Deno.test("a backup is taken of the next master when one is off, or cannot make it now", async () => {
  let asked = 0;
  const without: Partial<MasterApi> = {
    backup: () => {
      asked++;
      return Promise.reject(new Refusal("unavailable", "no leader is known"));
    },
  };
  const sending: Partial<MasterApi> = { backup: (_, out) => out.write(new Uint8Array([1, 2])) };
  await using lone = await startTestMaster(without);
  await using whole = await startTestMaster(sending);
  const off = `127.0.0.1:${freePort()}`;
  assert.deepEqual(await backedUp([off, lone.address, whole.address]), [1, 2]);
  assert.equal(asked, 1);
  await assert.rejects(backedUp([off]), { reason: "unavailable", message: /refuses connections/ });
});

Deno.test("a backup that breaks off is not gone on with by another master, whose bytes are others", async () => {
  const breaking: Partial<MasterApi> = {
    backup: async (_, out) => {
      await out.write(new Uint8Array([1]));
      throw new Refusal("unavailable", "this master is shutting down");
    },
  };
  await using first = await startTestMaster(breaking);
  await using second = await startTestMaster(breaking);
  await assert.rejects(backedUp([first.address, second.address]), /shutting down/);
});
