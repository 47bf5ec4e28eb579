import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      /** Absent when only its types are imported. */
      readonly code?: unknown;
    }[];
  }[];
}

const LIBRARIES = ["@bufbuild/protobuf", "@grpc/grpc-js", "uuid"];

async function graphOf(entry: string): Promise<Graph> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    stderr: "null",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Modules of ours that are loaded when a program imports this one, and the libraries with them. */
async function loadedBy(entry: string): Promise<{ files: string[]; libraries: string[] }> {
  const { modules } = await graphOf(entry);
  const byName = new Map(modules.map((each) => [each.specifier, each]));
  const libraries = new Set<string>();
  const files = new Set<string>();
  const ahead = [new URL(entry, import.meta.url).href];
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    if (files.has(next)) continue;
    files.add(next);
    for (const { specifier, code } of byName.get(next)?.dependencies ?? []) {
      if (code === undefined) continue;
      if (specifier.startsWith(".")) ahead.push(new URL(specifier, next).href);
      else if (!specifier.startsWith("node:")) {
        libraries.add(LIBRARIES.find((each) => specifier.startsWith(each)) ?? specifier);
      }
    }
  }
  return { files: [...files], libraries: [...libraries].sort() };
}

for (const door of ["./client.ts", "./worker.ts"]) {
  Deno.test(`what ${door} loads runs on Node and brings few libraries`, async () => {
    const { files, libraries } = await loadedBy(door);
    assert.ok(files.length > 20, "the graph was read");
    assert.deepEqual(libraries.filter((each) => !LIBRARIES.includes(each)), []);
    for (const file of files) {
      const text = await Deno.readTextFile(new URL(file));
      const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      assert.doesNotMatch(code, /\bDeno\./, `${file} uses an API of Deno's alone`);
      assert.doesNotMatch(code, /\bPromise\.withResolvers\b/, `${file} needs a later Node`);
    }
  });
}
