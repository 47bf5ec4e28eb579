/**
 * Programs that a build runs, from the root of the repository.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** How a program ended, and what it said. */
export interface Run {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** The Deno that runs this script, with `options` and then `entry`. */
export function deno(options: readonly string[], entry: string): Promise<Run> {
  return run(Deno.execPath(), [...options, entry]);
}

/** Runs a program to its end; `environment` is added to this process's. */
export async function run(
  program: string,
  args: readonly string[],
  environment?: Record<string, string>,
): Promise<Run> {
  const options = { args: [...args], cwd: ROOT, env: { NO_COLOR: "1", ...environment } };
  const { success, stdout, stderr } = await new Deno.Command(program, options).output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
