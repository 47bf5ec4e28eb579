/**
 * Job types: what kinds of work a worker can do, and how foreign payloads, addresses and results are
 * kept within bounds.
 *
 * @module
 */

export {
  AddressRefusedError,
  type CookieStore,
  defineJobType,
  type FileAccess,
  type GuardedFetch,
  type GuardedFetchOptions,
  type GuardedResponse,
  InputTooLargeError,
  type Isolation,
  type JobContext,
  type JobLimits,
  type JobType,
  type ParentJob,
  type ParentResult,
  PermanentJobError,
  ResultTooLargeError,
  type TypeExample,
  type TypeLimit,
} from "./contract.ts";
export { describeJobType, type JobTypeDescription } from "./description.ts";
export { parseDuration } from "./duration.ts";
export { EXEC, type Programs, ProgramsError, readPrograms } from "./exec/mod.ts";
export {
  createGuardedFetch,
  FetchError,
  type FetchPolicy,
  FetchStatusError,
  FetchTimeoutError,
  type ResolveHost,
} from "./guarded_fetch.ts";
export {
  type HandlerFunction,
  type HandlerObject,
  HandlersError,
  loadHandlers,
  type SafeParser,
} from "./handlers.ts";
export { type ParsedPayload, parsePayload } from "./payload.ts";
export { type JsonSchema, outlineOf, type OutlineRow } from "./schema_outline.ts";
export { builtinJobTypes, JobTypeNameError, JobTypeRegistry } from "./registry.ts";
export { type EncodedResult, encodeResult } from "./result.ts";
