/**
 * What jobs of single types get when their submission does not say: `retry_delay=2s max_retries=5`.
 *
 * @module
 */

import { byType, choice, integer, type Kind, type Parsed, text } from "./kinds.ts";
import { duration } from "./quantities.ts";

/** Absent: as for every other type. */
export interface TypeDefaults {
  readonly maxRetries?: number;
  readonly timeoutMs?: number;
  readonly retryDelayMs?: number;
  readonly retryDelayMaxMs?: number;
  readonly backoff?: "exponential" | "fixed";
}

type Field = keyof TypeDefaults;

const fields: { readonly [Name in Field]-?: readonly [string, Kind<unknown, "" | "Ms">] } = {
  maxRetries: ["max_retries", integer({ min: 0, max: 1_000 })],
  timeoutMs: ["timeout", duration({ min: "1ms", max: "576h" })],
  retryDelayMs: ["retry_delay", duration({ min: "0s", max: "24h" })],
  retryDelayMaxMs: ["retry_delay_max", duration({ min: "1ms", max: "576h" })],
  backoff: ["backoff", choice(["exponential", "fixed"])],
};
const names = Object.keys(fields) as Field[];
const words = names.map((name) => fields[name][0]).join(", ");

/** Settings by job type. */
export function typeDefaults(): Kind<Readonly<Record<string, TypeDefaults>>> {
  const texts = byType(text({ emptyAllowed: true }));
  return {
    name: "map",
    unit: "",
    allowed: `a mapping of job types to settings such as "timeout=30s max_retries=5"; there are ` +
      words,
    parse(raw) {
      const parsed = texts.parse(raw);
      if ("problem" in parsed) return parsed;
      const value: Record<string, TypeDefaults> = {};
      for (const [type, text] of Object.entries(parsed.value)) {
        const settings = parseSettings(text);
        if ("problem" in settings) return { problem: `has an entry ${type} ${settings.problem}` };
        value[type] = settings.value;
      }
      return { value };
    },
    write: (value) =>
      Object.fromEntries(
        Object.entries(value).map(([type, settings]) => [type, writeSettings(settings)]),
      ),
  };
}

function parseSettings(text: string): Parsed<TypeDefaults> {
  const settings: { [Name in Field]?: unknown } = {};
  for (const setting of text.split(/\s+/).filter((each) => each !== "")) {
    const [, word = "", written = ""] = /^([^=]*)=?(.*)$/.exec(setting) ?? [];
    const name = names.find((each) => fields[each][0] === word);
    if (name === undefined) {
      return { problem: `with the setting ${JSON.stringify(word)}; there are ${words}` };
    }
    if (settings[name] !== undefined) return { problem: `that names ${word} twice` };
    const parsed = fields[name][1].parse(written);
    if ("problem" in parsed) return { problem: `whose ${word} ${parsed.problem}` };
    settings[name] = parsed.value;
  }
  return { value: settings as TypeDefaults };
}

function writeSettings(settings: TypeDefaults): string {
  return names.flatMap((name) => {
    const [word, kind] = fields[name];
    return settings[name] === undefined ? [] : [`${word}=${kind.write(settings[name])}`];
  }).join(" ");
}
