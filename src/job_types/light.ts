/**
 * The light door of this room: what a job type is made of and judged by, without the built-in types and
 * the libraries that those bring.
 *
 * @module
 */

export * from "./contract.ts";
export type { FetchPolicy } from "./guarded_fetch.ts";
export {
  type ParsedPayload,
  type PayloadIssue,
  readPayload,
  refused,
  refusedFor,
} from "./payload.ts";
export { encodeResult } from "./result.ts";
export { JobTypeNameError, requireJobTypeName } from "./type_name.ts";
