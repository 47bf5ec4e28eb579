/**
 * Job types: what kinds of work a worker can do. Each says what it takes and gives (`contract.ts`), from which
 * its checks, its reference page and its help are made; the registry holds the built-in ones and those of
 * users. Whatever comes from outside is bounded here: payloads, results, files, and addresses, which only
 * `guarded_fetch.ts` may open.
 *
 * @module
 */

export { type ParentResult, type TypeLimit } from "./contract.ts";
export { describeJobType, type JobTypeDescription } from "./description.ts";
export { parseDuration } from "./duration.ts";
export { EXEC, type Programs, ProgramsError, readPrograms } from "./exec/mod.ts";
export { createGuardedFetch } from "./guarded_fetch.ts";
export { HandlersError, loadHandlers } from "./handlers.ts";
export { type JsonSchema, outlineOf, type OutlineRow } from "./schema_outline.ts";
export { builtinJobTypes, JobTypeNameError, JobTypeRegistry } from "./registry.ts";
