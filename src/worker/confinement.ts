/**
 * What an executor process asks of the system about itself before it runs anything: a channel for its
 * frames that nothing else writes to, and bounds that hold for all that it starts. The calls are those
 * of Linux's C library; elsewhere there is only what the worker does from outside.
 *
 * @module
 */

/** What a process shall bound itself to. */
export interface ConfinementOptions {
  /** Memory of its own that the system gives it at most, in bytes; what it starts has the same bound. */
  readonly dataBytesMax: number;
  /** The system ends it when its worker is gone, however busy it is. */
  readonly diesWithWorker: boolean;
}

/** From `prctl(2)`, `getrlimit(2)` and `fcntl(2)`. */
const PR_SET_PDEATHSIG = 1;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const F_DUPFD_CLOEXEC = 1030;
const SIGKILL = 9;
/** Standard files of a process. */
const STDOUT = 1;
const STDERR = 2;

const SYMBOLS = {
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  getsid: { parameters: ["i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  prctl: { parameters: ["i32", "usize", "usize", "usize", "usize"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Writes all of its bytes, and blocks until they are written. */
export type WriteAll = (bytes: Uint8Array<ArrayBuffer>) => void;

/** How a process reaches its worker, and how it bounds itself. */
export interface Confinement {
  readonly write: WriteAll;
  /** @throws Error when the system refuses a bound. */
  confine(options: ConfinementOptions): void;
  /** Ends this process, and what it started as far as that has stayed in its group. */
  leave(): never;
}

/**
 * Takes stdout for the frames. From then on what anything here, or what it starts, prints to stdout
 * comes out at stderr, so that no line of a job's can stand in the middle of a frame.
 */
export function openConfinement(): Confinement {
  const libc = openLibc();
  if (libc === undefined) {
    return {
      write: writeStdout,
      confine: () => {},
      leave: () => Deno.exit(0),
    };
  }
  const channel = libc.fcntl(STDOUT, F_DUPFD_CLOEXEC, STDERR + 1);
  if (channel < 0 || libc.dup2(STDERR, STDOUT) < 0) {
    throw new Error("the executor process cannot set its channel to the worker apart");
  }
  return {
    write: (bytes) => writeAll(libc, channel, bytes),
    confine: (options) => confine(libc, options),
    leave: () => leave(libc),
  };
}

function openLibc(): Libc | undefined {
  if (Deno.build.os !== "linux") return undefined;
  return Deno.dlopen("libc.so.6", SYMBOLS).symbols;
}

function confine(libc: Libc, { dataBytesMax, diesWithWorker }: ConfinementOptions): void {
  // What is left behind by its parent becomes this process's child, and so is found.
  set(libc, "PR_SET_CHILD_SUBREAPER", PR_SET_CHILD_SUBREAPER, 1n);
  // No program with a set-user-id bit gains anything, here or below.
  set(libc, "PR_SET_NO_NEW_PRIVS", PR_SET_NO_NEW_PRIVS, 1n);
  if (diesWithWorker) set(libc, "PR_SET_PDEATHSIG", PR_SET_PDEATHSIG, BigInt(SIGKILL));
  limit(libc, RLIMIT_CORE, 0);
  limit(libc, RLIMIT_DATA, dataBytesMax);
}

function leave(libc: Libc): never {
  // The group of one who leads its session is its own; another's may be a whole shell script's.
  if (libc.getsid(0) === libc.getpid()) libc.kill(0, SIGKILL);
  Deno.exit(0);
}

function set(libc: Libc, name: string, option: number, value: bigint): void {
  require(name, libc.prctl(option, value, 0n, 0n, 0n));
}

function limit(libc: Libc, resource: number, most: number): void {
  const pair = new BigUint64Array([BigInt(most), BigInt(most)]);
  require(`a limit of ${most} for resource ${resource}`, libc.setrlimit(resource, pair));
}

function require(what: string, result: number): void {
  if (result !== 0) throw new Error(`the system refuses ${what} to the executor process`);
}

/** Interrupted calls write nothing and are made again; a worker that is gone is gone for good. */
const FAILED_WRITES_MAX = 100;

function writeAll(libc: Libc, channel: number, bytes: Uint8Array<ArrayBuffer>): void {
  let failures = 0;
  for (let written = 0; written < bytes.byteLength;) {
    const count = Number(
      libc.write(channel, bytes.subarray(written), BigInt(bytes.byteLength - written)),
    );
    if (count > 0) written += count;
    else if (++failures > FAILED_WRITES_MAX) Deno.exit(0);
  }
}

function writeStdout(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.byteLength;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}
