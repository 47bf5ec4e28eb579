import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "./failure.ts";
import { route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

Deno.test("a file that is no audit log is told to be none, line by line, and of no numbers", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "other.log");
    await Deno.writeTextFile(path, '{"msg":"of another program"}\nnot even JSON\n');
    const terminal = recording();
    assert.equal(await route(["audit", "verify", path], terminal), EXIT.failed);
    assert.match(terminal.written.out, /^Lines +2$/m);
    assert.match(terminal.written.out, /other\.log:1: the line is not part of a chain$/m);
    assert.match(terminal.written.out, /other\.log:2: /);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
