/**
 * `conductor version`: what this program is made of, as a bug report should name it.
 *
 * @module
 */

import { tell } from "./answer.ts";
import { renderPairs } from "./table.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";
import { COMMIT, VERSION } from "./version.ts";

/** Prints the version, the commit and the runtime. */
export function showVersion(flags: Flags, terminal: Terminal): void {
  const { deno, v8, typescript } = Deno.version;
  const about = {
    version: VERSION,
    commit: COMMIT,
    deno,
    v8,
    typescript,
    target: Deno.build.target,
  };
  const text = () =>
    renderPairs([
      ["Version", about.version],
      ["Commit", about.commit || "runs from source"],
      ["Deno", `${deno}, V8 ${v8}`],
      ["System", about.target],
    ]);
  tell(flags, terminal, { json: about, text });
}
