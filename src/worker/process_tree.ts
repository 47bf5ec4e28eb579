/**
 * The processes that a process has started, found and ended with all that they started themselves.
 * Linux shows them in `/proc`; elsewhere only a process's group is known.
 *
 * @module
 */

/** A process, told from a later one of the same number by when it began. */
export interface ProcessMark {
  readonly pid: number;
  /** Ticks of the clock since the system started. */
  readonly startTicks: string;
}

/** What Linux says of a process. */
interface ProcessLine extends ProcessMark {
  readonly state: string;
  readonly session: number;
}

/** The environment variable by which what an executor process started is known for its own. */
export const MARK_VARIABLE = "CONDUCTOR_EXECUTOR";

/** Rounds of looking for what was started while its like was being ended. */
const ROUNDS_MAX = 100;

/**
 * All that `pid` started and that has not been taken leave of, dead or alive, at whatever depth; of very
 * many the first `most`.
 */
export function descendantsOf(pid: number, most = Infinity): ProcessMark[] {
  const found = new Map<number, ProcessMark>();
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const child of childrenOf(next)) {
      if (found.size >= most) return [...found.values()];
      const line = found.has(child) ? undefined : readLine(child);
      if (line === undefined) continue;
      found.set(child, line);
      open.push(child);
    }
  }
  return [...found.values()];
}

/** Bytes of its own that a process holds in memory: what it shares with files is not its own. */
export function ownBytesOf(pid: number): number {
  const status = readOrNothing(`/proc/${pid}/status`);
  const kibibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
  return (kibibytes("RssAnon") + kibibytes("RssShmem")) * 1024;
}

/**
 * Ends `pid` and all that it started. The process is held first: while it lives, Linux gives it what
 * its descendants leave behind, and so nobody gets away by leaving its parent.
 */
export function endTree(pid: number): void {
  if (Deno.build.os === "linux") {
    // The whole group at once: those who do nothing but start others are not overtaken one by one.
    signal(-pid, "SIGSTOP");
    signal(pid, "SIGSTOP");
    endDescendants(pid);
  }
  signalGroup(pid);
}

function endDescendants(pid: number): void {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const living = holdAll(pid);
    for (const each of living) signal(each, "SIGKILL");
    if (living.length === 0) return;
  }
}

/** Holds what is found until nothing new is: who is held starts nothing. */
function holdAll(pid: number): number[] {
  const held = new Set<number>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const fresh = descendantsOf(pid).map((each) => each.pid)
      .filter((each) => !held.has(each) && isAlive(each));
    if (fresh.length === 0) break;
    for (const each of fresh) {
      held.add(each);
      signal(each, "SIGSTOP");
    }
  }
  return [...held];
}

/** What may be left when its executor process has died by itself. */
export interface Leftovers {
  /** The first letters of `CONDUCTOR_EXECUTOR` in its environment. */
  readonly mark: string;
  /** The session that the executor process led. */
  readonly session?: number;
  /** Seen below the executor process while that lived. */
  readonly known?: readonly ProcessMark[];
}

/**
 * Ends what an executor process left behind when it died without being ended by {@linkcode endTree}.
 * A descendant that left its session, wiped its environment and was never looked at stays unknown.
 *
 * @returns how many were ended.
 */
export function endLeftovers({ mark, session, known = [] }: Leftovers): number {
  if (Deno.build.os !== "linux") return 0;
  const ticks = new Map(known.map((each) => [each.pid, each.startTicks]));
  const ended = new Set<number>();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const living = allPids().filter((pid) => {
      const line = pid === Deno.pid ? undefined : readLine(pid);
      if (line === undefined || line.state === "Z" || line.state === "X") return false;
      return line.session === session || ticks.get(pid) === line.startTicks || bears(pid, mark);
    });
    if (living.length === 0) break;
    for (const pid of living) {
      ended.add(pid);
      signal(pid, "SIGKILL");
    }
  }
  return ended.size;
}

function bears(pid: number, mark: string): boolean {
  const environment = readOrNothing(`/proc/${pid}/environ`);
  const entry = `${MARK_VARIABLE}=${mark}`;
  return environment.startsWith(entry) || environment.includes(`\0${entry}`);
}

function allPids(): number[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => name)
    .filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Children are listed under the thread that started them, or that was given them. */
function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readOrNothing(`/proc/${pid}/task/${thread}/children`).split(" ")
      .filter((word) => word !== "").map(Number)
  );
}

function threadsOf(pid: number): string[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => name);
  } catch {
    return []; // gone
  }
}

/** Whether there is such a process, and it has not died. */
export function isAlive(pid: number): boolean {
  const state = readLine(pid)?.state;
  return state !== undefined && state !== "Z" && state !== "X";
}

/** A program's name may hold anything, so the fields are counted from its last bracket. */
function readLine(pid: number): ProcessLine | undefined {
  const text = readOrNothing(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, , , session] = fields;
  const startTicks = fields[19];
  if (state === undefined || startTicks === undefined) return undefined;
  return { pid, state, session: Number(session), startTicks };
}

/** What is gone, or not ours to read, has nothing to say. */
function readOrNothing(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function signalGroup(pid: number): void {
  if (Deno.build.os !== "windows") signal(-pid, "SIGKILL");
  signal(pid, "SIGKILL");
}

/** To a process that is gone meanwhile there is nothing to say. */
function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (failure) {
    const isGone = failure instanceof Deno.errors.NotFound || failure instanceof TypeError;
    if (!isGone) throw failure;
  }
}
