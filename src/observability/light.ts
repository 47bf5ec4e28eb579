/**
 * The light door of this room: what a logger is, without one, and a place in a trace.
 *
 * @module
 */

export type { LogFields, Logger } from "./logger_contract.ts";
export { parseTraceparent } from "./traceparent.ts";
