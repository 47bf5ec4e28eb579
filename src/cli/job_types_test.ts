import assert from "node:assert/strict";
import { join } from "node:path";
import { describeConfig } from "../config/mod.ts";
import { builtinJobTypes, describeJobType } from "../job_types/mod.ts";
import { exampleCommand } from "./present_job_types.ts";
import { route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

async function ask(...args: string[]) {
  const terminal = recording();
  const code = await route(["job-types", ...args], terminal);
  return { code, ...terminal.written };
}

Deno.test("the types are listed and shown without a cluster, for people and for programs", async () => {
  const { code, out } = await ask("list");
  assert.equal(code, 0);
  assert.match(out, /^TYPE +FROM +WHAT\n/);
  assert.match(out, /\nweb_scraping +built-in +Fetches a web page/);
  const names = JSON.parse((await ask("list", "--output=json")).out).job_types
    .map(({ name }: { name: string }) => name);
  assert.deepEqual(names, builtinJobTypes().names());

  const shown = await ask("show", "test_sleep");
  for (const part of ["Payload", "duration  text or number", "Result", "Limits", "30 days"]) {
    assert.ok(shown.out.includes(part), `${part} in ${shown.out}`);
  }
  assert.ok(
    shown.out.includes(
      `\n  conductor submit --type test_sleep --payload '{"duration":"5s"}' --wait\n`,
    ),
  );
  const whole = JSON.parse((await ask("show", "test_sleep", "-o", "json")).out);
  assert.equal(whole.payload.properties.permanent.default, false);
  assert.equal(whole.result.anyOf[0].required.join(), "slept_ms,attempt");
  assert.equal(whole.source, "built-in");
});

Deno.test("a type that does not exist is refused with what there is", async () => {
  assert.deepEqual(await ask("show", "web_scarping"), {
    code: 2,
    out: "",
    err: 'conductor: there is no job type "web_scarping" (did you mean web_scraping?)\n',
  });
  const { code, err } = await ask("show", "video");
  assert.equal(code, 2);
  assert.match(err, /there are data_analysis, .*--handlers FILE.*--cluster/);
});

Deno.test("the types of a handlers module are listed and shown with what they say of themselves", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const file = join(directory, "greet.js");
    await Deno.writeTextFile(
      file,
      `
      const schema = (json) => ({
        safeParse: (data) => ({ success: true, data }),
        "~standard": { jsonSchema: { input: ({ target }) => ({ $schema: target, ...json }) } },
      });
      export const greet = {
        summary: "Greets.",
        run: ({ name }) => ({ greeting: "Hello, " + name }),
        payloadSchema: schema({
          type: "object",
          required: ["name"],
          properties: { name: { type: "string", description: "Whom." } },
        }),
        resultSchema: schema({
          type: "object",
          properties: { greeting: { type: "string", description: "Said." } },
        }),
        limits: [{ name: "name", value: "80 characters", meaning: "Longer ones are cut." }],
        example: { name: "Ada" },
        examples: [{ title: "Someone else", payload: { name: "O'Hara" } }],
      };
      export const bare = () => 1;`,
    );
    const { out } = await ask("list", `--handlers=${file}`);
    assert.match(out, /\nbare +handlers +The custom job type bare\.\n/);
    assert.match(out, /\ngreet +handlers +Greets\.\n/);
    const shown = (await ask("show", "greet", `--handlers=${file}`)).out;
    for (
      const part of [
        "  name  text, required\n      Whom.\n",
        "  greeting  text\n      Said.\n",
        "  name  80 characters\n      Longer ones are cut.\n",
        `'{"name":"Ada"}'`,
        String.raw`Someone else
  conductor submit --type greet --payload '{"name":"O'\''Hara"}' --wait`,
      ]
    ) assert.ok(shown.includes(part), `${part} in ${shown}`);
    const missing = await ask("list", "--handlers=/nowhere/x.js");
    assert.equal(missing.code, 2);
    assert.match(missing.err, /there is no such file/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("an example can be pasted into a shell as it is", async () => {
  const payload = { text: `it's "quoted" $HOME \`x\` \\ é`, list: [1, null] };
  const command = exampleCommand("test_sleep", payload).replace(/^conductor/, "printf '%s\\n'");
  const { stdout } = await new Deno.Command("sh", { args: ["-c", command] }).output();
  const words = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assert.deepEqual(words.slice(0, 3), ["submit", "--type", "test_sleep"]);
  assert.deepEqual(JSON.parse(words[4]!), payload);
});

Deno.test("every configuration key that a type's limits name is one", () => {
  const keys = new Set(describeConfig().map(({ path }) => path));
  const registry = builtinJobTypes();
  for (const name of registry.names()) {
    for (const { key } of describeJobType(registry.get(name)!).limits) {
      if (key !== undefined) assert.ok(keys.has(key), `${name}: ${key}`);
    }
  }
});
