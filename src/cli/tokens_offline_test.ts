import assert from "node:assert/strict";
import { join } from "node:path";
import { route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

Deno.test("a token is signed with the key of a master's own file, whoever its members are", async () => {
  const directory = await Deno.makeTempDir({ prefix: "conductor-offline-" });
  try {
    const config = join(directory, "m1.yaml");
    await Deno.writeTextFile(
      config,
      `cluster: { node_id: m1, initial_cluster: ["m1=127.0.0.1:7000", "m2=127.0.0.1:7001"] }
security: { jwt: { secret_key: mFhHbzy1cNxqHrGCWEqgB5C5qVKj1xj0pQ2xw4yJ8uE= } }
`,
    );
    const out = join(directory, "root.token");
    const terminal = recording();
    const args =
      `token issue --offline --config ${config} --subject root --role admin --out ${out}`;
    assert.equal(await route(args.split(" "), terminal), 0, terminal.written.err);
    assert.match(await Deno.readTextFile(out), /^eyJ/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
