/**
 * Where a worker says what happens to it.
 *
 * @module
 */

import type { LogFields, Logger } from "../observability/light.ts";

/** Any of these may be left out; `console` is one. */
export interface WorkerLog {
  /** Steps, for who looks for a fault. */
  readonly debug?: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** What is as it should be. */
  readonly info?: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** What is not, and mends itself. */
  readonly warn?: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** What does not. */
  readonly error?: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
}

/** Losing the cluster is nothing to be silent about. */
const BY_DEFAULT: WorkerLog = {
  warn: (message, fields) => console.warn(`conductor: ${message}`, fields ?? ""),
  error: (message, fields) => console.error(`conductor: ${message}`, fields ?? ""),
};

/** The logger that the worker's parts write to. */
export function loggerOf(log: WorkerLog = BY_DEFAULT, more: LogFields = {}): Logger {
  const whole = (fields?: LogFields) =>
    fields === undefined && Object.keys(more).length === 0 ? undefined : { ...more, ...fields };
  return {
    debug: (message, fields) => log.debug?.(message, whole(fields)),
    info: (message, fields) => log.info?.(message, whole(fields)),
    warn: (message, fields) => log.warn?.(message, whole(fields)),
    error: (message, fields) => log.error?.(message, whole(fields)),
    child: (fields) => loggerOf(log, { ...more, ...fields }),
    isEnabled: (level) => log[level] !== undefined,
  };
}
