/**
 * The log: one event, one line, with fields. A line cannot be broken or forged from inside,
 * whatever a field holds, and a log that cannot be written never stops the program.
 *
 * pino renders the JSON, without its transports: they are worker threads that load files by path,
 * which neither a compiled binary nor a bundle has.
 *
 * @module
 */

import type { Logger as PinoLogger } from "pino";
import { activeSpan } from "./active_span.ts";
import {
  type LogDestination,
  openLogDestination,
  type RotationOptions,
} from "./log_destination.ts";
import { plainFields } from "./log_fields.ts";
import { neutralized, prettyLine } from "./log_line.ts";
import type { LogFields, Logger, LogLevel } from "./logger_contract.ts";

export { type LogFields, type Logger } from "./logger_contract.ts";

/** The logger of a process: what its children cannot do. */
export interface RootLogger extends Logger {
  readonly level: LogLevel;
  /** Lines that could not be written since the start. */
  readonly linesLost: number;
  /** Holds for this logger and all its children, at once. */
  setLevel(level: LogLevel): void;
  /** Opens the log file anew, for tools that move it away; nothing for stdout and stderr. */
  reopen(): void;
  close(): void;
}

/** How a process logs. */
export interface LoggerOptions {
  readonly level: LogLevel;
  /** `auto`: `pretty` on a terminal, else `json`. */
  readonly format: "json" | "pretty" | "auto";
  /** `stdout`, `stderr`, a file's path, or a function that is given each line with its newline. */
  readonly output: string | ((line: string) => void);
  /** The component, until a child names another: `master`, `worker`. */
  readonly name: string;
  /** Written in every line as `node_id`. */
  readonly nodeId?: string;
  /** When the file is put aside, and how many are kept. */
  readonly rotation?: RotationOptions;
  /** Colour of pretty lines; without it: on a terminal, unless NO_COLOR is set. */
  readonly color?: boolean;
  /** The clock, for tests. */
  readonly now?: () => Date;
}

/**
 * Opens the log.
 *
 * @throws LogFileError when the file cannot be opened, with what to do about it.
 */
export async function createLogger(options: LoggerOptions): Promise<RootLogger> {
  const destination = openLogDestination(options.output, options.rotation);
  const now = options.now ?? (() => new Date());
  const { pino } = await import("./pino_engine.ts");
  const engine = pino({
    level: "debug",
    // Neither pid nor host name: node_id says whose line it is.
    base: undefined,
    timestamp: () => `,"ts":"${now().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
  }, { write: lineWriter(options, destination) });
  const bindings: Record<string, unknown> = { logger: options.name };
  if (options.nodeId !== undefined) bindings.node_id = options.nodeId;
  const shared = { level: options.level, engine, destination };
  return new ProcessLogger(shared, bindings);
}

function lineWriter(options: LoggerOptions, destination: LogDestination): (line: string) => void {
  const isPretty = options.format === "pretty" ||
    (options.format === "auto" && destination.isTerminal);
  if (!isPretty) return (line) => destination.write(neutralized(line));
  const isColored = options.color ??
    (destination.isTerminal && (Deno.env.get("NO_COLOR") ?? "") === "");
  return (line) => destination.write(prettyLine(line, isColored));
}

interface LoggerState {
  level: LogLevel;
  readonly engine: PinoLogger;
  readonly destination: LogDestination;
}

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Names that only the logger itself may write. */
const OWN_NAMES: ReadonlySet<string> = new Set(["ts", "level", "msg", "logger", "node_id"]);

class ProcessLogger implements RootLogger {
  readonly #state: LoggerState;
  readonly #bindings: LogFields;
  /** Made when the first line is written: most children of a call never write one. */
  #engine: PinoLogger | undefined;

  constructor(state: LoggerState, bindings: LogFields) {
    this.#state = state;
    this.#bindings = bindings;
  }

  get level(): LogLevel {
    return this.#state.level;
  }

  get linesLost(): number {
    return this.#state.destination.linesLost;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  child(fields: LogFields): Logger {
    const { logger, ...others } = fields;
    const named = logger === undefined ? {} : { logger: String(logger) };
    return new ProcessLogger(this.#state, {
      ...this.#bindings,
      ...named,
      ...withoutOwnNames(plainFields(others, false)),
    });
  }

  isEnabled(level: LogLevel): boolean {
    return RANKS[level] >= RANKS[this.#state.level];
  }

  setLevel(level: LogLevel): void {
    this.#state.level = level;
  }

  reopen(): void {
    this.#state.destination.reopen();
  }

  close(): void {
    this.#state.destination.close();
  }

  #write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (!this.isEnabled(level)) return;
    const plain = fields === undefined
      ? {}
      : withoutOwnNames(plainFields(fields, level === "error"));
    const span = activeSpan();
    if (span !== undefined && plain.trace_id === undefined) {
      if (this.#bindings.trace_id === undefined) plain.trace_id = span.traceId;
    }
    if (Object.keys(plain).some((name) => name in this.#bindings)) {
      // pino would write the name twice; the field of the line itself is the one that holds.
      this.#state.engine[level]({ ...this.#bindings, ...plain }, message);
      return;
    }
    this.#engine ??= this.#state.engine.child(this.#bindings);
    this.#engine[level](plain, message);
  }
}

function withoutOwnNames(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name of Object.keys(fields)) {
    if (!OWN_NAMES.has(name)) continue;
    fields[`field_${name}`] = fields[name];
    delete fields[name];
  }
  return fields;
}

/** Says nothing, for tests and for commands that only answer. */
export const discardLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => discardLogger,
  isEnabled: () => false,
};
