/**
 * Conductor: one program that is the master, the worker and the client of a distributed job
 * scheduler. Everything begins in `src/cli`.
 *
 * @module
 */

import { runConductor } from "./src/cli/mod.ts";

if (import.meta.main) Deno.exitCode = await runConductor(Deno.args);
