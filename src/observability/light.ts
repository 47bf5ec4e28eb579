/**
 * The light door of this room: what a logger is, without one.
 *
 * @module
 */

export type { LogFields, Logger } from "./logger_contract.ts";
