/**
 * Job types: what kinds of work a worker can do, and how foreign payloads, addresses and results are
 * kept within bounds.
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
