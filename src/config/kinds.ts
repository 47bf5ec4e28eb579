/**
 * The kinds of value that a key can hold: how each is written by a person, what is allowed, and
 * the one form in which it is written back.
 *
 * A kind reads whatever a flag, an environment variable, a YAML file or a default hands over (a
 * {@linkcode Raw}) and returns the value or what is wrong with it; it never throws.
 *
 * @module
 */

/** A value as it was written, before its kind has read it. */
export type Raw = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;

/** What became of a {@linkcode Raw}: a value, or a clause that fits behind "PATH: VALUE ...". */
export type Parsed<Value> = { readonly value: Value } | { readonly problem: string };

/** The unit that a field's name ends in; empty where the value has none. */
export type ValueUnit = "" | "Ms" | "Bytes";

/** One way of reading and writing a value. */
export interface Kind<Value, Unit extends ValueUnit = ""> {
  /** For documentation: `duration`, `port`, `list` and so on. */
  readonly name: string;
  readonly unit: Unit;
  /** What is allowed, as a noun phrase: `a whole number from 1 to 65535`. */
  readonly allowed: string;
  /** Every allowed value, where they can be counted. */
  readonly values?: readonly string[];
  parse(raw: Raw): Parsed<Value>;
  /** The canonical form; `parse(write(value))` is `value`. */
  write(value: Value): Raw;
}

/** Whether a key may be left empty; an empty value then has a meaning that the key's doc states. */
export interface Emptiness {
  readonly emptyAllowed?: boolean;
}

/** Bounds as a person writes them, both included. */
export interface WrittenBounds {
  readonly min: string;
  readonly max: string;
}

/** Bounds of a plain number, both included. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Words on one line, without control characters. */
export function text(options: Emptiness & { readonly allowed?: string } = {}): Kind<string> {
  return {
    name: "text",
    unit: "",
    allowed: orEmpty(options.allowed ?? "text on one line", options),
    parse: (raw) => parseText(raw, options),
    write: (value) => value,
  };
}

/** Text that matches a pattern; `allowed` says in words what the pattern accepts. */
export function matching(
  pattern: RegExp,
  allowed: string,
  options: Emptiness & { readonly name?: string } = {},
): Kind<string> {
  return {
    ...text({ ...options, allowed }),
    name: options.name ?? "text",
    parse(raw) {
      const parsed = parseText(raw, options);
      if ("problem" in parsed || parsed.value === "" || pattern.test(parsed.value)) return parsed;
      return { problem: "does not have the right form" };
    },
  };
}

/** A name of a node or worker: safe as a file name, a metric label and a word in a log line. */
export function identifier(): Kind<string> {
  return matching(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'a name of 1 to 63 letters, digits, ".", "_" or "-" that starts with a letter or digit',
    { name: "name" },
  );
}

/** A path of a file or directory, relative to the working directory unless `absolute` is asked. */
export function path(options: Emptiness & { readonly absolute?: boolean } = {}): Kind<string> {
  const allowed = options.absolute ? "an absolute path" : "a path";
  return {
    ...text({ ...options, allowed }),
    name: "path",
    parse(raw) {
      const parsed = parseText(raw, options);
      if ("problem" in parsed || parsed.value === "" || !options.absolute) return parsed;
      return /^(\/|[A-Za-z]:[\\/]|\\\\)/.test(parsed.value)
        ? parsed
        : { problem: "is not absolute" };
    },
  };
}

/** True or false, in every spelling that the original's parser took, and yes, no, on, off. */
export function boolean(): Kind<boolean> {
  return {
    name: "boolean",
    unit: "",
    allowed: "true or false",
    values: ["true", "false"],
    parse(raw) {
      const word = scalar(raw)?.toLowerCase();
      if (word === undefined) return { problem: "is not a single value" };
      if (["true", "t", "1", "yes", "on"].includes(word)) return { value: true };
      if (["false", "f", "0", "no", "off"].includes(word)) return { value: false };
      return { problem: "is neither true nor false" };
    },
    write: (value) => value,
  };
}

/** A whole number within bounds. */
export function integer(bounds: Bounds, name = "integer"): Kind<number> {
  return {
    name,
    unit: "",
    allowed: `a whole number from ${bounds.min} to ${bounds.max}`,
    parse(raw) {
      const digits = scalar(raw);
      if (digits === undefined || !/^[+-]?\d+$/.test(digits)) {
        return { problem: "is not a whole number" };
      }
      return within(Number(digits), bounds, String);
    },
    write: (value) => value,
  };
}

/** A TCP port. With `zeroIsOff`, 0 switches the listener off. */
export function port(options: { readonly zeroIsOff?: boolean } = {}): Kind<number> {
  const kind = integer({ min: options.zeroIsOff ? 0 : 1, max: 65_535 }, "port");
  return options.zeroIsOff
    ? { ...kind, allowed: "a port from 1 to 65535, or 0 for none" }
    : { ...kind, allowed: "a port from 1 to 65535" };
}

/** A number within bounds, whole or not. */
export function number(bounds: Bounds): Kind<number> {
  return {
    name: "number",
    unit: "",
    allowed: `a number from ${bounds.min} to ${bounds.max}`,
    parse(raw) {
      const digits = scalar(raw);
      if (digits === undefined || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits)) {
        return { problem: "is not a number" };
      }
      return within(Number(digits), bounds, String);
    },
    // Zero has one spelling: a rendered "-0" would read back as another value than "0".
    write: (value) => value === 0 ? 0 : value,
  };
}

/** One of several words. `synonyms` are other spellings of them that are read, never written. */
export function choice<const Word extends string>(
  words: readonly Word[],
  synonyms: Readonly<Record<string, Word>> = {},
): Kind<Word> {
  return {
    name: "choice",
    unit: "",
    allowed: `one of ${words.join(", ")}`,
    values: words,
    parse(raw) {
      const word = scalar(raw)?.toLowerCase() ?? "";
      const known = words.find((candidate) => candidate === word) ??
        (Object.hasOwn(synonyms, word) ? synonyms[word] : undefined);
      return known === undefined ? { problem: "is not one of them" } : { value: known };
    },
    write: (value) => value,
  };
}

/** Several values of one kind, from a YAML sequence or separated by commas. */
export function list(
  item: Kind<string>,
  options: Emptiness = { emptyAllowed: true },
): Kind<readonly string[]> {
  return {
    name: "list",
    unit: "",
    allowed: `a list (or comma-separated), each item ${item.allowed}`,
    parse(raw) {
      const items = itemsOf(raw);
      if (items === undefined) return { problem: "is not a list" };
      if (items.length === 0 && !options.emptyAllowed) return { problem: "is empty" };
      const values: string[] = [];
      for (const [index, written] of items.entries()) {
        const parsed = item.parse(written);
        if ("problem" in parsed) {
          return {
            problem: `has an item ${index + 1} (${JSON.stringify(written)}) that ${parsed.problem}`,
          };
        }
        values.push(parsed.value);
      }
      return { value: values };
    },
    write: (value) => value,
  };
}

/** Names with a text each, from a YAML mapping or as `name=value`, separated by commas. */
export function map(): Kind<Readonly<Record<string, string>>> {
  return mapOf(text({ emptyAllowed: true }), NAMES);
}

/** Job types with a value of one kind each. */
export function byType<Value extends string | number>(
  item: Kind<Value>,
): Kind<Readonly<Record<string, Value>>> {
  return mapOf(item, TYPE_NAMES);
}

/** What an entry of a map may be called. */
interface EntryNames {
  readonly pattern: RegExp;
  readonly allowed: string;
}

const NAMES: EntryNames = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
  allowed:
    'a name is 1 to 63 letters, digits, ".", "_", "-" or "/" and starts with a letter or digit',
};
/** What the type of a submission may be. */
const TYPE_NAMES: EntryNames = {
  pattern: /^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$/,
  allowed: 'a type is 1 to 128 letters, digits, "_", ".", ":", "/" or "-"',
};

function mapOf<Value extends string | number>(
  item: Kind<Value>,
  names: EntryNames,
): Kind<Readonly<Record<string, Value>>> {
  const ofWords = item.values === undefined ? "" : `, each value ${item.allowed}`;
  return {
    name: "map",
    unit: "",
    allowed: `a mapping (or name=value, comma-separated); ${names.allowed}${ofWords}`,
    parse(raw) {
      const entries = entriesOf(raw);
      if (typeof entries === "string") return { problem: entries };
      const values: [string, Value][] = [];
      for (const [name, value] of entries) {
        // An entry is never more than an entry.
        if (!names.pattern.test(name) || name === "__proto__") {
          return { problem: `has an entry named ${JSON.stringify(name)}` };
        }
        const parsed = item.parse(value);
        if ("problem" in parsed) return { problem: `has an entry ${name} that ${parsed.problem}` };
        values.push([name, parsed.value]);
      }
      const named = entries.map(([name]) => name);
      const twice = named.find((name, index) => named.indexOf(name) !== index);
      if (twice !== undefined) return { problem: `names ${twice} twice` };
      return { value: Object.fromEntries(values) as Record<string, Value> };
    },
    write: (value) =>
      Object.fromEntries(Object.entries<Value>(value).map(([name, each]) => [name, String(each)])),
  };
}

/**
 * The text of a single value, without the white space around it; undefined for a list or mapping.
 * Kinds built elsewhere (durations, addresses) read through it too.
 */
export function scalar(raw: Raw): string | undefined {
  return typeof raw === "object" ? undefined : String(raw).trim();
}

/** Checks a number against bounds, both included; `write` says how a bound is spelled. */
export function within(
  value: number,
  bounds: Bounds,
  write: (value: number) => string,
): Parsed<number> {
  if (value < bounds.min) return { problem: `is less than ${write(bounds.min)}` };
  if (value > bounds.max) return { problem: `is more than ${write(bounds.max)}` };
  return { value };
}

/** Adds the permission to be empty to a noun phrase. */
export function orEmpty(allowed: string, options: Emptiness): string {
  return options.emptyAllowed ? `${allowed}, or empty` : allowed;
}

/** Reads one line of text, as it is: white space inside and around it belongs to it. */
export function parseText(raw: Raw, options: Emptiness): Parsed<string> {
  if (typeof raw === "object") return { problem: "is not a single value" };
  const value = String(raw);
  if (value === "" && !options.emptyAllowed) return { problem: "is empty" };
  // Line and paragraph separators too: one value is one line wherever it is printed.
  // deno-lint-ignore no-control-regex -- control characters are exactly what is refused here
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/.test(value)) {
    return { problem: "has a control character in it (a line break at its end, perhaps)" };
  }
  return value.isWellFormed() ? { value } : { problem: "is not well-formed Unicode" };
}

function itemsOf(raw: Raw): readonly string[] | undefined {
  if (Array.isArray(raw)) return raw;
  const written = scalar(raw);
  return written?.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

function entriesOf(raw: Raw): readonly (readonly [string, string])[] | string {
  if (typeof raw === "object" && !Array.isArray(raw)) return Object.entries(raw);
  const entries: (readonly [string, string])[] = [];
  for (const item of itemsOf(raw) ?? []) {
    const at = item.indexOf("=");
    if (at < 0) return `has an entry ${JSON.stringify(item)} without "="`;
    const [name, value] = [item.slice(0, at).trim(), item.slice(at + 1).trim()];
    // A value that does begin so can be given in a file, as a mapping.
    if (value.startsWith("=")) return `has an entry ${name} with two "=" before its value`;
    entries.push([name, value]);
  }
  return entries;
}
