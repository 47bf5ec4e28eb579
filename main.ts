/**
 * Conductor: one program that is the master, the worker and the client of a distributed job
 * scheduler. Everything begins in `src/cli`.
 *
 * @module
 */

import { runConductor } from "./src/cli/mod.ts";

if (import.meta.main) {
  // Taken now: a worker in which handlers run lets none of them end it (src/cli/orphaned_failures.ts).
  const { exit } = Deno;
  const code = await runConductor(Deno.args);
  // All is said by now. What hostile clients did to a node's connections, or an older runtime to a client's,
  // may have left something of HTTP/2 that keeps the event loop alive (tests/fuzz finds it).
  exit(code);
}
