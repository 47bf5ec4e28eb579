/**
 * `conductor version`: what this program is made of, as a bug report should name it.
 *
 * @module
 */

import { tell } from "./answer.ts";
import { renderPairs } from "./table.ts";
import type { Flags } from "./router.ts";
import type { Terminal } from "./terminal.ts";
import { programFacts } from "./version.ts";

/** Prints the version, the commit and the runtime. */
export function showVersion(flags: Flags, terminal: Terminal): void {
  const about = programFacts();
  const text = () =>
    renderPairs([
      ["Version", about.version],
      ["Commit", about.commit || "runs from source"],
      ["Deno", `${about.deno}, V8 ${about.v8}`],
      ["System", about.target],
    ]);
  tell(flags, terminal, { json: about, text });
}
