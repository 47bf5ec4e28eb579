/**
 * Job types of one's own, from the modules that `--handlers` names.
 *
 * @module
 */

import { resolve } from "node:path";
import {
  HandlersError,
  JobTypeNameError,
  type JobTypeRegistry,
  loadHandlers,
} from "../job_types/mod.ts";
import { Misuse } from "./failure.ts";

/**
 * Adds the types of a module.
 *
 * @throws {Misuse} when it can never be used; {HandlersError} when what it does as it is loaded failed,
 * which may pass.
 */
export async function registerHandlers(registry: JobTypeRegistry, path: string): Promise<void> {
  try {
    for (const type of await loadHandlers(resolve(path))) registry.register(type);
  } catch (error) {
    if (error instanceof JobTypeNameError) {
      throw new Misuse(`Handlers ${JSON.stringify(path)}: ${error.message}`, { cause: error });
    }
    if (!(error instanceof HandlersError) || error.mayPass) throw error;
    throw new Misuse(error.message, { cause: error });
  }
}
