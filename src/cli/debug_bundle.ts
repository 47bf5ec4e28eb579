/**
 * `conductor debug bundle`: one file with what helps others to find out what is wrong, without secrets
 * and without what jobs were given.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { basename } from "node:path";
import { packTar } from "modern-tar";
import type { Role } from "../config/mod.ts";
import { reasonOf } from "./reason.ts";
import { tell } from "./answer.ts";
import { bundleParts, type Part, secretsOf } from "./debug_parts.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import { LiveLine } from "./live_line.ts";
import { throughItself } from "./own_master.ts";
import type { Flags } from "./router.ts";
import { scrubber } from "./scrub.ts";
import { printable, type Terminal, writeBytes } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** What came of a part. */
interface Made {
  readonly name: string;
  readonly what: string;
  readonly bytes: number;
  /** Why there is none; null: there is. */
  readonly missing: string | null;
}

/** Writes the bundle to `file`, or to stdout for `-`. */
export async function debugBundle(file: string, given: Flags, terminal: Terminal): Promise<void> {
  if (file === "-" && terminal.out.isTerminal) {
    throw new Misuse("a bundle is no text for a terminal; name a file, or pipe it");
  }
  if (file !== "-" && given.force !== true && existsSync(file)) {
    throw new Misuse(`${file} is there already; choose another name, or replace it with --force`);
  }
  const role = given.role as Role;
  const flags = throughItself(role, given);
  const line = new LiveLine(terminal.err);
  const scrub = scrubber(secretsOf(role, flags));
  const root = `conductor-debug-${new Date().toISOString().replace(/[:.]/g, "-")}`;
  const parts = bundleParts(role, flags);
  let done = 0;
  const contents = await contentsOf(parts, scrub, (name) => {
    line.progress("bundle", ++done / parts.length, name);
  });
  line.clear();
  const made = contents.map(({ text: _, ...each }) => each);
  const manifest = { made_at: new Date().toISOString(), version: VERSION, role, files: made };
  const bytes = await packed(root, [
    { name: "manifest.json", text: scrub(`${JSON.stringify(manifest, null, 2)}\n`) },
    ...contents.filter(({ missing }) => missing === null),
  ]);
  if (file === "-") {
    await writeBytes(bytes);
  } else {
    await writeFile(file, bytes);
    tell(flags, terminal, {
      json: { file, bytes: bytes.byteLength, ...manifest },
      list: "files",
      text: () => summary(file, bytes.byteLength, made),
    });
  }
}

/**
 * In the order of the parts. Those that ask somebody are made at once: where no cluster answers, each waits
 * for its own time-out. What holds this process up comes after them, or they would hear answers too late.
 */
export async function contentsOf(
  parts: readonly Part[],
  scrub: (text: string) => string,
  made: (name: string) => void,
): Promise<(Made & { readonly text: string })[]> {
  const contents = new Map<Part, Awaited<ReturnType<typeof contentOf>>>();
  const make = async (part: Part) => {
    contents.set(part, await contentOf(part, scrub));
    made(part.name);
  };
  await Promise.all(parts.filter((each) => each.holdsUp !== true).map(make));
  for (const part of parts.filter((each) => each.holdsUp === true)) await make(part);
  return parts.map((part) => contents.get(part)!);
}

/** What cannot be had is no reason to give nothing: support learns of that too. */
async function contentOf(
  { name, what, make }: Part,
  scrub: (text: string) => string,
): Promise<Made & { readonly text: string }> {
  try {
    const text = scrub(await make());
    return { name, what, bytes: new TextEncoder().encode(text).byteLength, missing: null, text };
  } catch (failure) {
    return { name, what, bytes: 0, missing: scrub(reasonOf(failure)), text: "" };
  }
}

async function packed(
  root: string,
  files: readonly { readonly name: string; readonly text: string }[],
): Promise<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  const tar = await packTar(files.map(({ name, text }) => {
    const body = encoder.encode(text);
    const header = {
      name: `${root}/${name}`,
      size: body.byteLength,
      mode: 0o600,
      mtime: new Date(),
    };
    return { header: { ...header, type: "file" as const }, body };
  }));
  const zipped = new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"));
  return await new Response(zipped).bytes();
}

async function writeFile(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await Deno.writeFile(file, bytes, { mode: 0o600 });
  } catch (cause) {
    throw new NegativeAnswer(`cannot write ${printable(file)}: ${reasonOf(cause)}`, { cause });
  }
}

function summary(file: string, bytes: number, made: readonly Made[]): string {
  const missing = made.filter((each) => each.missing !== null);
  const lines = [
    `${printable(file)}: ${made.length - missing.length} parts, ${bytes} bytes. Look through it ` +
    `before you send it: tar xzf ${printable(basename(file))}`,
    ...missing.map(({ name, missing }) => `  without ${name}: ${printable(missing!)}`),
  ];
  return lines.map((each) => `${each}\n`).join("");
}
