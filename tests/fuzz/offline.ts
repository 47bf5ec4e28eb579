/**
 * What needs no master: configuration files, and command lines.
 *
 * @module
 */

import { route } from "../../src/cli/router.ts";
import { recording } from "../../src/cli/terminal_test_support.ts";
import { ConfigError, describeConfig, loadConfig, shippedFile } from "../../src/config/mod.ts";
import type { Random } from "../simulation/random.ts";

const PROFILES = ["development", "staging", "production"] as const;
const VALUES = [
  "null",
  "~",
  "[]",
  "{}",
  "[[[[[]]]]]",
  "0x10",
  "1e400",
  "-0",
  ".nan",
  "9".repeat(500),
  "yes",
  "!!binary AAAA",
  "!!js/function 'x'",
  "&a [*a]",
  "*nowhere",
  "${HOME}",
  "${UNSET:-}",
  "${" + "${".repeat(50),
  "'\\0'",
  '"\\u202e"',
  "2026-01-01",
  "<<: *a",
  "1s",
  "-5m",
  "100000000000h",
  "99999999TiB",
  "'" + "x".repeat(100_000) + "'",
];
/** No configuration takes longer to read, in ms: a bomb would take for ever. */
const READ_MS_MAX = 10_000;

/** A thousand million lists in eleven lines. */
const ALIAS_BOMB = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
  .concat(Array.from({ length: 10 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n}, `.repeat(8)}]`))
  .concat("worker: *a10").join("\n");

/** Reads one damaged configuration; gives what is wrong with how that went. */
export function readBadConfig(random: Random): string | undefined {
  const text = damagedConfig(random);
  const startedMs = performance.now();
  try {
    loadConfig({
      flags: { config: "fuzzed.yaml", profile: random.pick(PROFILES) },
      env: random.chance(0.3) ? { WORKER_ID: random.pick(VALUES) } : {},
      readTextFile: () => text,
      role: random.pick(["master", "worker", "client"]),
    });
  } catch (failure) {
    if (!(failure instanceof ConfigError)) {
      return `a configuration threw ${failure instanceof Error ? failure.stack : failure}: ` +
        text.slice(0, 2_000);
    }
  }
  const tookMs = performance.now() - startedMs;
  if (tookMs < READ_MS_MAX) return undefined;
  return `a configuration took ${Math.round(tookMs)} ms: ${text.slice(0, 2_000)}`;
}

function damagedConfig(random: Random): string {
  if (random.chance(0.05)) return ALIAS_BOMB;
  if (random.chance(0.05)) return `${"[".repeat(random.between(1, 5_000))}`;
  const lines = shippedFile(random.pick(PROFILES)).text.split("\n");
  for (let each = random.between(1, 6); each > 0; each--) {
    const at = random.below(lines.length);
    const line = lines[at]!;
    switch (random.below(5)) {
      case 0:
        lines[at] = line.replace(/:.*/, `: ${random.pick(VALUES)}`);
        break;
      case 1:
        lines.splice(at, 1);
        break;
      case 2:
        lines.splice(random.below(lines.length), 0, line);
        break;
      case 3:
        lines[at] = `${" ".repeat(random.below(6))}${line.trim()}`;
        break;
      default:
        lines[at] = line.slice(0, random.below(line.length + 1)) +
          random.pick(["\t", "\0", "\u2028", "- ", "? "]);
    }
  }
  return lines.join("\n");
}

/** Commands that reach nobody and write nothing. */
const COMMANDS = [
  ["config", "show"],
  ["schedule", "next"],
  ["job-types", "list"],
  ["job-types", "show"],
  ["token", "inspect"],
  ["audit", "verify"],
  ["certs", "show"],
  ["help"],
  ["completion"],
];
const WORDS = [
  "--output=json",
  "--output=",
  "-o",
  "--cron=* * * * *",
  "--cron",
  "--every=1s",
  "--every=-1s",
  "--tz=Nowhere/Land",
  "--from=2026-13-45",
  "-n",
  "0",
  "99999999999999999999",
  "--profile=nobody",
  "--config=/dev/null",
  "--config=/",
  "--set=",
  "--set=a",
  "--set=raft.election_timeout=1ns",
  "--set=__proto__.x=1",
  "--",
  "-",
  "\u202e\u001b[31m",
  "\0",
  "x".repeat(10_000),
  "noop",
  "/etc/passwd",
  "zsh",
];

/** Gives one command line to the program; gives what is wrong with how that went. */
export async function commandBadly(random: Random): Promise<string | undefined> {
  const args = [...random.pick(COMMANDS)];
  for (let each = random.below(5); each > 0; each--) args.push(random.pick(WORDS));
  if (random.chance(0.2)) {
    args.push(`--set=${random.pick(describeConfig()).path}=${random.pick(VALUES)}`);
  }
  const terminal = recording();
  const told = () => `\`conductor ${args.map((arg) => JSON.stringify(arg)).join(" ")}\``;
  let code: number;
  try {
    code = await route(args, terminal);
  } catch (failure) {
    return `${told()} threw ${failure instanceof Error ? failure.stack : failure}`;
  }
  const { out, err } = terminal.written;
  if (![0, 1, 2].includes(code)) return `${told()} ended with ${code}`;
  if (/invariant|\n\s+at (file|ext|async)/.test(out + err)) return `${told()} said ${err}`;
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u0008\u000b-\u001f\u202e]/.test(err)) {
    return `${told()} printed what terminals obey`;
  }
  if (code === 2 && err === "") return `${told()} was refused without a word`;
  return undefined;
}
