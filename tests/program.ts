/**
 * The program that tests start as processes: from its sources, or the bundle that `TEST_PROGRAM` names.
 * `.ci/run` makes one (scripts/build/bundle.ts): it is what is shipped, and some hundred processes start
 * with a third less work. The nightly run, and `deno task test` by itself, take the sources.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { V8_FLAGS } from "../scripts/build/v8_flags.ts";

/** The module that `deno run` is given. */
export const MAIN: string = Deno.env.get("TEST_PROGRAM") ??
  fileURLToPath(new URL("../main.ts", import.meta.url));

/**
 * V8 set up as the build sets it up, for the program and the executors that it starts. All processes of
 * one program want the same: they compile anew, and write over each other's cached code, where it differs.
 */
export const RUNTIME_ENVIRONMENT: Readonly<Record<string, string>> = { DENO_V8_FLAGS: V8_FLAGS };
