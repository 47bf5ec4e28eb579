/**
 * `conductor version`: what this program is made of, as a bug report should name it.
 *
 * @module
 */

import { renderPairs } from "./table.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";
import { COMMIT, VERSION } from "./version.ts";

/** Prints the version, the commit and the runtime. */
export function showVersion(flags: Flags, { out }: Terminal): void {
  const { deno, v8, typescript } = Deno.version;
  const about = {
    version: VERSION,
    commit: COMMIT,
    deno,
    v8,
    typescript,
    target: Deno.build.target,
  };
  if (flags.output === "json") return out.write(`${JSON.stringify(about, null, 2)}\n`);
  out.write(renderPairs([
    ["Version", about.version],
    ["Commit", about.commit || "runs from source"],
    ["Deno", `${deno}, V8 ${v8}`],
    ["System", about.target],
  ]));
}
