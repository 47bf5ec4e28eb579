import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const DEMO = fileURLToPath(new URL("../../scripts/demo.ts", import.meta.url));

function startDemo(...flags: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", DEMO, ...flags],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

Deno.test("the demo runs one job of each type, shows what came of it and the dashboard, and stops everything", async () => {
  const demo = startDemo("--keep");
  const failed = new Response(demo.stderr).text();
  const reader = demo.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("It stays up")) {
    const { value, done } = await reader.read();
    if (done) assert.fail(said + await failed);
    said += value;
  }
  const page = await fetch(/^The dashboard: (\S+)$/m.exec(said)![1]!);
  assert.match(await page.text(), /<title>Conductor<\/title>/);
  demo.kill("SIGINT");
  for (let next = await reader.read(); !next.done; next = await reader.read()) said += next.value;
  const { code } = await demo.status;
  assert.equal(code, 0, said + await failed);
  assert.match(said, /Every job completed; everything was stopped/);
  for (const type of ["image_processing", "web_scraping", "data_analysis", "test_sleep"]) {
    assert.match(said, new RegExp(`^\\S+  ${type} +completed$`, "m"));
  }
  const [thumbnail] = /\/\S+photo-thumbnail\.webp$/m.exec(said)!;
  assert.equal(new TextDecoder().decode((await Deno.readFile(thumbnail)).subarray(8, 12)), "WEBP");
  await Deno.remove(thumbnail);
  assert.match(said, /1 left alone because of robots\.txt/);
  assert.match(said, /^ {2}4000 rows, 11 columns$/m);
  const port = Number(/master listens on 127\.0\.0\.1:(\d+)/.exec(said)![1]);
  await assert.rejects(
    Deno.connect({ hostname: "127.0.0.1", port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("a demo that is interrupted stops what it started", async () => {
  const demo = startDemo();
  const reader = demo.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!/completed|pending/.test(said)) {
    const { value, done } = await reader.read();
    assert.ok(!done, said);
    said += value;
  }
  demo.kill("SIGINT");
  for (let next = await reader.read(); !next.done; next = await reader.read()) said += next.value;
  await demo.stderr.cancel();
  assert.equal((await demo.status).code, 130, said);
  assert.match(said, /Interrupted; everything was stopped/);
  const port = Number(/master listens on 127\.0\.0\.1:(\d+)/.exec(said)![1]);
  await assert.rejects(
    Deno.connect({ hostname: "127.0.0.1", port }),
    Deno.errors.ConnectionRefused,
  );
});
