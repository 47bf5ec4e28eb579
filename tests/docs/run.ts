/**
 * Runs a page of the documentation as its reader would: in a home directory of its own, on a host of its
 * own as far as Linux can make one in a moment (network, mounts and processes in new namespaces), so
 * that default ports and directories are free, and nothing is left when the page ends.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beginsAsShown, isAsShown } from "./compare.ts";
import type { Page, Session, Step } from "./page.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGE_TIMEOUT_MS = 900_000;
const COMMAND_TIMEOUT_S = 120;
/** How long a terminal may take to show what the page shows, in tenths of a second. */
const TERMINAL_PATIENCE = 600;
/** The directory of development masters and workers, unless they are told otherwise. */
const DEFAULT_DATA = "/tmp/conductor";
/** What the home directory is called on pages. */
const HOME_SHOWN = "/home/me";

/** A command whose answer is not what the page shows. */
export interface Difference {
  readonly session: Session;
  readonly answer: readonly string[];
}

/** How to enter a host of one's own; an own user too, unless one is root. */
const ISOLATION = [
  ...(Deno.uid() === 0 ? [] : ["--map-root-user"]),
  ...["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
];

/** Whether this system lets us make such a host, and has what the pages need. */
export async function canRunPages(): Promise<boolean> {
  if (Deno.build.os !== "linux") return false;
  const probe = "ip link set lo up && command -v curl jq script node";
  try {
    const args = [...ISOLATION, "bash", "-c", probe];
    const { success } = await new Deno.Command("unshare", { args, stdout: "null", stderr: "null" })
      .output();
    return success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/**
 * Does what a page says, in its order.
 *
 * @returns where the answers are not those shown; empty: nowhere.
 */
export async function runPage({ steps }: Page): Promise<Difference[]> {
  const scratch = await Deno.makeTempDir({ prefix: "conductor-docs-" });
  try {
    const home = join(scratch, "home");
    for (const each of ["home", "bin", "data", "answers"]) await Deno.mkdir(join(scratch, each));
    await Deno.writeTextFile(join(scratch, "bin", "conductor"), launcher(), { mode: 0o755 });
    await Deno.symlink(Deno.execPath(), join(scratch, "bin", "deno"));
    await Deno.symlink(ROOT, join(home, "conductor"));
    await Deno.writeTextFile(join(scratch, "page.sh"), script(steps));
    await onOwnHost(scratch);
    return await differencesOf(steps, scratch);
  } finally {
    await Deno.remove(scratch, { recursive: true });
    await removeIfEmpty(DEFAULT_DATA);
  }
}

/** The program on the reader's path. What waits in vain is ended, so that the page goes on and shows it. */
function launcher(): string {
  const program = `deno run --quiet --no-check --allow-all ${quoted(ROOT + "main.ts")} "$@"`;
  return [
    "#!/bin/sh",
    `case $1 in master | worker) exec ${program} ;; esac`,
    `exec timeout ${COMMAND_TIMEOUT_S} ${program}`,
    "",
  ].join("\n");
}

async function onOwnHost(scratch: string): Promise<void> {
  const environment = {
    HOME: join(scratch, "home"),
    PATH: `${join(scratch, "bin")}:${Deno.env.get("PATH") ?? ""}`,
    SCRATCH: scratch,
    DENO_DIR: await cacheDirectory(),
    LANG: "C.UTF-8",
    TZ: "UTC",
    USER: "me",
    NO_COLOR: "1",
  };
  const process = new Deno.Command("unshare", {
    args: [...ISOLATION, "bash", join(scratch, "page.sh")],
    cwd: environment.HOME,
    clearEnv: true,
    env: environment,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const overdue = setTimeout(() => process.kill("SIGKILL"), PAGE_TIMEOUT_MS);
  const { signal } = await process.status;
  clearTimeout(overdue);
  if (signal !== null) console.error(`the page was ended after ${PAGE_TIMEOUT_MS / 1000} s`);
}

async function cacheDirectory(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return (JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string }).denoDir;
}

/** The page as a script: the answer of step N goes to the file answers/N. */
function script(steps: readonly Step[]): string {
  return [
    `ip link set lo up`,
    `mkdir -p ${DEFAULT_DATA} && mount --bind "$SCRATCH/data" ${DEFAULT_DATA}`,
    ...steps.map((step, index) => {
      const answer = `"$SCRATCH/answers/${index}"`;
      if (step.kind === "file") return `printf %s ${quoted(step.text)} > ${quoted(step.name)}`;
      const { command, output } = step.session;
      if (step.kind === "command") return `eval ${quoted(command)} </dev/null >${answer} 2>&1`;
      return [
        `script -qefc ${quoted(command)} ${answer} </dev/null >/dev/null 2>&1 &`,
        `for i in $(seq ${TERMINAL_PATIENCE}); do`,
        `  [ -f ${answer} ] && [ "$(wc -l < ${answer})" -gt ${output.length} ] && break; sleep 0.1`,
        `done`,
      ].join("\n");
    }),
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function differencesOf(steps: readonly Step[], scratch: string): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const [index, step] of steps.entries()) {
    if (step.kind === "file") continue;
    const lines = await answerOf(join(scratch, "answers", String(index)), scratch);
    // The first line of a terminal's record is its own.
    const answer = step.kind === "terminal" ? lines.slice(1) : lines;
    const isRight = step.kind === "terminal" ? beginsAsShown : isAsShown;
    if (!isRight(step.session.output, answer)) differences.push({ session: step.session, answer });
  }
  return differences;
}

async function answerOf(path: string, scratch: string): Promise<string[]> {
  try {
    const text = await Deno.readTextFile(path);
    const lines = text.replaceAll(join(scratch, "home"), HOME_SHOWN)
      // deno-lint-ignore no-control-regex
      .replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r", "")
      // What the shell itself says of a process that was killed.
      .replace(/^\S+\/page\.sh: line \d+: +\d+ Killed .*\n/gm, "").split("\n");
    return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return ["(the page did not come to this)"];
    throw failure;
  }
}

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await Deno.remove(directory);
  } catch {
    // It is somebody's, or was not there.
  }
}
