/**
 * What an executor process asks of the system about itself before it runs anything: a channel for its
 * frames that nothing else writes to, and bounds that hold for all that it starts. The calls are those
 * of Linux's C library; elsewhere there is only what the worker does from outside.
 *
 * @module
 */

/** What a process shall bound itself to. */
export interface ConfinementOptions {
  /**
   * Memory that the system gives it at most beyond what it has, in bytes; what it starts has the same
   * bound. Reservations count, whether they are used or not.
   */
  readonly dataBytesMax: number;
  /** The system ends it when its worker is gone, however busy it is. */
  readonly diesWithWorker: boolean;
}

/** From `prctl(2)`, `getrlimit(2)`, `fcntl(2)` and `close_range(2)`. */
const PR_SET_PDEATHSIG = 1;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const F_DUPFD_CLOEXEC = 1030;
/** The same on all machines. */
const SYS_CLOSE_RANGE = 436;
const CLOSE_RANGE_CLOEXEC = 4;
/** The last of any range of files. */
const UINT_MAX = 2 ** 32 - 1;
const SIGKILL = 9;
const O_RDONLY = 0;
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
  open: { parameters: ["buffer", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  // The C library has a name of its own for it, but only newer ones do.
  syscall: { parameters: ["isize", "usize", "usize", "usize"], result: "isize" },
  getpagesize: { parameters: [], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Writes all of its bytes, and blocks until they are written. */
export type WriteAll = (bytes: Uint8Array<ArrayBuffer>) => void;

/** How a process reaches its worker, and how it bounds itself. */
export interface Confinement {
  readonly write: WriteAll;
  /** Returns what the system refuses, in words. */
  confine(options: ConfinementOptions): readonly string[];
  /** Ends this process, and what it started as far as that has stayed in its group. */
  leave(): never;
}

/**
 * Takes stdout for the frames. From then on what anything here, or what it starts, prints to stdout
 * comes out at stderr, so that no line of a job's can stand in the middle of a frame.
 */
export function openConfinement(): Confinement {
  const libc = openLibc();
  if (libc === undefined) return WITHOUT_LIBC;
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

const WITHOUT_LIBC: Confinement = {
  write: writeStdout,
  confine: () => Deno.build.os === "linux" ? ["the C library"] : [],
  leave: () => Deno.exit(0),
};

function openLibc(): Libc | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    return Deno.dlopen("libc.so.6", SYMBOLS).symbols;
  } catch {
    return undefined; // another C library; the worker is told when it asks for bounds
  }
}

function confine(libc: Libc, { dataBytesMax, diesWithWorker }: ConfinementOptions): string[] {
  const dataBytes = dataBytesOf(libc);
  const results: readonly (readonly [what: string, result: number])[] = [
    // What is left behind by its parent becomes this process's child, and so is found.
    ["adoption of orphans", control(libc, PR_SET_CHILD_SUBREAPER, 1)],
    // No program with a set-user-id bit gains anything, here or below.
    ["no new privileges", control(libc, PR_SET_NO_NEW_PRIVS, 1)],
    ["death with its worker", diesWithWorker ? control(libc, PR_SET_PDEATHSIG, SIGKILL) : 0],
    ["no core dumps", limit(libc, RLIMIT_CORE, 0)],
    // Whoever started the worker may have left some open; the runtime's own are kept back by it.
    ["keeping inherited files back", keepFilesBack(libc)],
    [
      "a bound on memory",
      dataBytes === undefined ? -1 : limit(libc, RLIMIT_DATA, dataBytes + dataBytesMax),
    ],
  ];
  return results.filter(([, result]) => result !== 0).map(([what]) => what);
}

/**
 * What counts against the bound on memory already: stacks of threads, of which there are more the more
 * processors there are, and what the runtime has reserved.
 */
function dataBytesOf(libc: Libc): number | undefined {
  const file = libc.open(new TextEncoder().encode("/proc/self/statm\0"), O_RDONLY);
  if (file < 0) return undefined;
  const text = new Uint8Array(256);
  const length = Number(libc.read(file, text, BigInt(text.length)));
  libc.close(file);
  const pages = Number(new TextDecoder().decode(text.subarray(0, length)).split(" ")[5]);
  return Number.isNaN(pages) ? undefined : pages * libc.getpagesize();
}

function leave(libc: Libc): never {
  // The group of one who leads its session is its own; another's may be a whole shell script's.
  if (libc.getsid(0) === libc.getpid()) libc.kill(0, SIGKILL);
  Deno.exit(0);
}

/** What this process starts gets its standard files alone. */
function keepFilesBack(libc: Libc): number {
  const [from, to] = [BigInt(STDERR + 1), BigInt(UINT_MAX)];
  return Number(libc.syscall(BigInt(SYS_CLOSE_RANGE), from, to, BigInt(CLOSE_RANGE_CLOEXEC)));
}

function control(libc: Libc, option: number, value: number): number {
  return libc.prctl(option, BigInt(value), 0n, 0n, 0n);
}

function limit(libc: Libc, resource: number, most: number): number {
  return libc.setrlimit(resource, new BigUint64Array([BigInt(most), BigInt(most)]));
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
