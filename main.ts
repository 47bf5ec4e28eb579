/**
 * Conductor: one program that is the master, the worker and the client of a distributed job
 * scheduler. Everything begins in `src/cli`.
 *
 * @module
 */

import { runConductor } from "./src/cli/mod.ts";

if (import.meta.main) {
  const code = await runConductor(Deno.args);
  // What hostile clients did to a node's connections may have left something of the runtime's HTTP/2
  // that keeps the event loop alive (tests/fuzz finds it): a node that has stopped ends all the same.
  if (Deno.args[0] === "master" || Deno.args[0] === "worker") Deno.exit(code);
  Deno.exitCode = code;
}
