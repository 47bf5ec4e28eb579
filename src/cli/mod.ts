/**
 * The command router: a command line becomes a running node or an answer, an outcome becomes an exit
 * code (0 done, 1 failed, 2 misused). stdout is for answers, stderr for everything else.
 *
 * @module
 */

import { processTerminal } from "./terminal.ts";
import { VERSION } from "./version.ts";

/** Runs one command line to its end; resolves to the exit code. */
export async function runConductor(args: readonly string[]): Promise<number> {
  if (args[0] === "__executor") {
    const { serveExecutor } = await import("../worker/executor_process.ts");
    await serveExecutor();
    return 0;
  }
  if (args.length === 1 && (args[0] === "--version" || args[0] === "-V")) {
    return sayVersion();
  }
  const { route } = await import("./router.ts");
  return await route(args);
}

/** Without the commands, which take longer to load than this takes. */
async function sayVersion(): Promise<number> {
  const terminal = processTerminal();
  try {
    terminal.out.write(`conductor ${VERSION}\n`);
    return 0;
  } catch (failure) {
    const { reportFailure } = await import("./failure.ts");
    return reportFailure(failure, terminal);
  }
}
