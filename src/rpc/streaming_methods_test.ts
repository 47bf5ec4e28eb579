import assert from "node:assert/strict";
import { STREAMING_METHODS } from "./streaming_methods.ts";

/** Every method of every .proto file that has a stream at either end. */
async function declared(folder = new URL("../../proto/", import.meta.url)): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await declared(new URL(`${name}/`, folder)));
    if (!name.endsWith(".proto")) continue;
    const text = await Deno.readTextFile(new URL(name, folder));
    const packageName = /^package ([\w.]+);/m.exec(text)?.[1];
    for (const [, service, body = ""] of text.matchAll(/^service (\w+) \{([\s\S]*?)^\}/gm)) {
      for (const [, method, ends = ""] of body.matchAll(/^\s*rpc (\w+)([^;{]*)[;{]/gm)) {
        if (/\(stream /.test(ends)) found.push(`/${packageName}.${service}/${method}`);
      }
    }
  }
  return found;
}

Deno.test("no stream of any service is taken for a call whose length is a latency", async () => {
  const streams = await declared();
  assert.ok(streams.includes("/proto.RaftService/Exchange"), String(streams));
  assert.deepEqual([...STREAMING_METHODS].sort(), streams.sort());
});
