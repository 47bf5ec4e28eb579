import assert from "node:assert/strict";
import { join } from "node:path";
import { manPages } from "./man_page.ts";
import { buildProgram, route } from "./router.ts";
import { recording } from "./terminal_test_support.ts";

async function isInstalled(program: string): Promise<boolean> {
  try {
    await new Deno.Command(program, { args: ["-Tlint", "/dev/null"] }).output();
    return true;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

async function man(...args: string[]) {
  const terminal = recording();
  const code = await route(["man", ...args], terminal);
  return { code, ...terminal.written };
}

Deno.test("there is a page of every command, and it has the command's flags and examples", async () => {
  const pages = manPages(buildProgram(recording()), { optionText: (each) => each.description });
  const names = pages.map(({ name }) => name);
  for (const name of ["conductor.1", "conductor-cluster.1", "conductor-raft-log.1"]) {
    assert.ok(names.includes(name), name);
  }
  assert.equal(new Set(names).size, names.length);
  assert.ok(!names.some((name) => name.includes("help")));
  const { code, out } = await man("raft", "log");
  assert.equal(code, 0);
  assert.match(out, /^\.TH "CONDUCTOR\\-RAFT\\-LOG" 1 /);
  for (
    const part of [
      ".TP\n.B \\-\\-payloads\nPayloads, results and log lines too",
      "default: 50",
      ".SH EXAMPLES\n.nf\nconductor raft log \\-\\-data\\-dir",
      "The files are copied",
      ".BR conductor\\-raft\\-inspect (1)",
    ]
  ) assert.ok(out.includes(part), `${part} in ${out}`);
});

Deno.test("a page that there is not is misuse, and all pages go into a directory", async () => {
  const wrong = await man("raft", "lgo");
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /there is no command "raft lgo" \(did you mean log\?\)/);
  const directory = await Deno.makeTempDir({ prefix: "conductor-man-" });
  try {
    const target = join(directory, "man1");
    const { code, out, err } = await man("--directory", target);
    assert.deepEqual([code, out], [0, ""]);
    const files = [...Deno.readDirSync(target)].map(({ name }) => name);
    assert.match(err, new RegExp(`^${files.length} pages are in `));
    assert.ok(files.includes("conductor-submit.1"));
    assert.equal((await man("submit", "--directory", target)).code, 2);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test({
  name: "mandoc finds nothing wrong with any page",
  ignore: !await isInstalled("mandoc"),
  fn: async () => {
    const directory = await Deno.makeTempDir({ prefix: "conductor-man-" });
    try {
      assert.equal((await man("--directory", directory)).code, 0);
      const files = [...Deno.readDirSync(directory)].map(({ name }) => join(directory, name));
      const { stdout } = await new Deno.Command("mandoc", {
        args: ["-Tlint", "-Wwarning", ...files],
      }).output();
      assert.equal(new TextDecoder().decode(stdout), "");
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
