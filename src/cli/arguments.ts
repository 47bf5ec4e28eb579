/**
 * What commander leaves as text, made into values. Every fault of a command line is told at once.
 *
 * @module
 */

import { parsePointInTime } from "../calendar/mod.ts";
import { parseDuration } from "../job_types/mod.ts";
import { Misuse } from "./failure.ts";
import { singleEquals } from "./pairs.ts";
import type { Flags } from "./router.ts";

/** The whole numbers that a flag may be. */
export interface IntegerRange {
  readonly min: number;
  readonly max?: number;
}

/** Reads the flags of one command and gathers what is wrong with them. */
export class FlagReader {
  readonly #flags: Flags;
  /** How a flag is called where it was given. */
  readonly written: (name: string) => string;
  /** Each once, though some flags are read more than once. */
  readonly #faults = new Set<string>();

  constructor(flags: Flags, written = (name: string) => `--${dashed(name)}`) {
    this.#flags = flags;
    this.written = written;
  }

  /**
   * The text of a flag, or undefined when it was not given. An empty one is a fault: it comes from a
   * variable that is not set, and would mean another key, or more jobs, than its writer thinks.
   */
  text(name: string): string | undefined {
    const value = this.textOrEmpty(name);
    if (value !== "") return value;
    this.#faults.add(`${this.written(name)} is empty; give it a value, or leave it out`);
    return undefined;
  }

  /** The same of a flag for which empty is a value as well. */
  textOrEmpty(name: string): string | undefined {
    const value = this.#flags[name];
    return typeof value === "string" ? value : undefined;
  }

  /** The text of a flag that the command cannot do without. */
  required(name: string, what: string): string {
    const value = this.textOrEmpty(name);
    if (value !== undefined && value !== "") return value;
    this.#faults.add(
      value === undefined
        ? `${this.written(name)} is missing; ${what}`
        : `${this.written(name)} is empty; ${what}`,
    );
    return "";
  }

  /** A whole number, or undefined when the flag was not given. */
  integer(name: string, { min, max }: IntegerRange): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    const isInRange = value >= min && value <= (max ?? Number.MAX_SAFE_INTEGER);
    if (/^-?\d+$/.test(text) && Number.isSafeInteger(value) && isInRange) return value;
    const range = max === undefined ? `from ${min}` : `from ${min} to ${max}`;
    this.#faults.add(
      `${this.written(name)} is ${JSON.stringify(text)}; give a whole number ${range}`,
    );
    return undefined;
  }

  /**
   * A duration in ms, or undefined when the flag was not given.
   *
   * @param otherwise what else its writer may have meant
   */
  duration(name: string, otherwise = ""): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    try {
      return parseDuration(text);
    } catch {
      // The reader's own message speaks of payloads; this one of flags.
      const unit = /^\d+(\.\d+)?$/.test(text) ? ` (did you mean ${text}s?)` : "";
      this.#faults.add(
        `${this.written(name)} is ${JSON.stringify(text)}; give a duration such as 500ms, 30s or ` +
          `1m30s${unit}${otherwise}`,
      );
      return undefined;
    }
  }

  /** Every text of a repeatable flag, none of them empty, or undefined when it was not given. */
  texts(name: string): readonly string[] | undefined {
    const values = this.#flags[name] as string[] | undefined;
    if (values?.includes("")) {
      this.#faults.add(`${this.written(name)} is empty; give it a value, or leave it out`);
    }
    return values;
  }

  /** A moment in ms since the epoch, or undefined when the flag was not given. */
  time(name: string, timeZone = ownTimeZone()): number | undefined {
    return this.parsed(
      name,
      (text) => parsePointInTime(text, timeZone),
      "give a time such as 2026-12-24T18:00 or 2026-12-24T18:00:00Z",
    );
  }

  /** A moment in ms since the epoch: one such as `time` takes, or how long ago it was. */
  timeOrAgo(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d{4}-/.test(text)) return this.time(name);
    const wanted = "give a time such as 2026-12-24T18:00, or how long ago, such as 2h";
    const agoMs = this.parsed(name, durationOf, wanted);
    return agoMs === undefined ? undefined : Date.now() - agoMs;
  }

  /** One of `values`, or undefined when the flag was not given. */
  choice<Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    const text = this.text(name);
    const value = values.find((each) => each === text);
    if (text !== undefined && value === undefined) {
      this.fault(name, `it may be one of ${values.join(", ")}`);
    }
    return value;
  }

  /** What `read` makes of a flag's text; undefined: it makes nothing of it. */
  parsed<Value>(
    name: string,
    read: (text: string) => Value | undefined,
    wanted: string,
  ): Value | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = read(text);
    if (value === undefined) this.fault(name, wanted);
    return value;
  }

  /** Notes that the flag's value is wrong, and what would be right. */
  fault(name: string, wanted: string, value = this.textOrEmpty(name)): void {
    this.#faults.add(`${this.written(name)} is ${JSON.stringify(value)}; ${wanted}`);
  }

  /** `name=value` pairs, or what is a record already, as a record; undefined when the flag was not given. */
  pairs(name: string): Record<string, string> | undefined {
    const pairs = this.#flags[name] as string[] | Record<string, string> | undefined;
    if (pairs === undefined || !Array.isArray(pairs)) return pairs;
    const read: Record<string, string> = {};
    for (const pair of pairs) {
      const equals = pair.indexOf("=");
      const key = pair.slice(0, equals);
      if (equals <= 0) {
        this.#faults.add(`${this.written(name)} is ${JSON.stringify(pair)}; give name=value`);
      } else if (pair[equals + 1] === "=") {
        this.fault(name, singleEquals(pair), pair);
      } else if (Object.hasOwn(read, key)) {
        this.#faults.add(`${this.written(name)} names ${JSON.stringify(key)} twice`);
      } else read[key] = pair.slice(equals + 1);
    }
    return read;
  }

  /**
   * To be called when all flags were read.
   *
   * @throws Misuse with every fault.
   */
  done(): void {
    if (this.#faults.size > 0) throw new Misuse([...this.#faults].join("; "));
  }
}

/** Whose clocks a time is meant by that somebody types at this machine. */
function ownTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function durationOf(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch {
    // Its message speaks of payloads; the caller's of flags.
    return undefined;
  }
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
