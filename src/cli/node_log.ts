/**
 * The log of a node.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import { createLogger, type RootLogger } from "../observability/mod.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Opens the log that the configuration asks for and says there what was odd about it.
 *
 * @throws LogFileError when the file cannot be opened.
 */
export async function openLog(
  loaded: LoadedConfig,
  name: "master" | "worker",
  nodeId: string,
  terminal: Terminal,
): Promise<RootLogger> {
  const { level, format, output, maxSizeBytes, maxFiles } = loaded.config.log;
  for (const warning of loaded.warnings) terminal.err.write(`conductor: ${warning}\n`);
  const rotation = { fileBytesMax: maxSizeBytes, filesKept: maxFiles };
  return await createLogger({ level, format, output, name, nodeId, rotation });
}
