/**
 * This program as it was before log entries say submissions side by side and workers get briefs: a copy of
 * its sources with the few places set back in which it says what it reads.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { copy } from "../../scripts/build/copy.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDERS = ["src", "config"];
const FILES = ["main.ts", "deno.json", "deno.lock"];

/** The format of log entries that it reads and writes at most. */
export const OLDER_ENTRY_FORMAT = 3;

const EDITS = [
  {
    file: "src/storage/command_format.ts",
    find: /COMMAND_FORMAT_VERSION = \d+;/,
    replace: `COMMAND_FORMAT_VERSION = ${OLDER_ENTRY_FORMAT};`,
  },
  // As a worker, and as a master: what these fields stand for was not there.
  {
    file: "src/rpc/worker_client.ts",
    find: "takesBriefs: true,",
    replace: "takesBriefs: false,",
  },
  {
    file: "src/rpc/worker_session.ts",
    find: "link.takesBriefs = message.hello.takesBriefs;",
    replace: "",
  },
  {
    file: "src/rpc/worker_session.ts",
    find: "takesNumbers: true,",
    replace: "takesNumbers: false,",
  },
] as const;

/** Makes it in `directory`; returns its `main.ts`. */
export async function makeOlderProgram(directory: string): Promise<string> {
  for (const folder of FOLDERS) {
    await copy(join(ROOT, folder), join(directory, folder), (name) => !name.endsWith("_test.ts"));
  }
  for (const file of FILES) await Deno.copyFile(join(ROOT, file), join(directory, file));
  for (const { file, find, replace } of EDITS) {
    const path = join(directory, file);
    const parts = (await Deno.readTextFile(path)).split(find);
    if (parts.length !== 2) {
      throw new Error(`"${find}" occurs ${parts.length - 1} times in ${file}, not once`);
    }
    await Deno.writeTextFile(path, parts.join(replace));
  }
  return join(directory, "main.ts");
}
