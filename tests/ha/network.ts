/**
 * The network between processes of one machine, as a proxy that can fail: everybody's advertised
 * address leads here, and from here to where they listen. What a fault does is decided per
 * direction between two names, since real networks fail in one direction too.
 *
 * Who opened a connection is found by its socket's owner in `/proc` (Linux), so that the programs
 * under test need not know that they are watched.
 *
 * @module
 */

/** The name of whoever is no registered process: the test itself, and commands that it runs. */
export const CLIENT = "client";

/** What happens to bytes on their way from one name to another. */
export type Traffic =
  | { readonly kind: "pass" }
  /** Nothing arrives until the fault is over, as when packets are dropped: TCP sends them again. */
  | { readonly kind: "hold" }
  /** Connections are closed and new ones refused, as by a firewall that rejects. */
  | { readonly kind: "cut" }
  | { readonly kind: "delay"; readonly ms: number };

const PASS: Traffic = { kind: "pass" };
/** Delayed bytes that wait on one connection, before its sender is held up. */
const DELAYED_BYTES_MAX = 8 * 1024 * 1024;

export class Network {
  readonly #listeners: Deno.TcpListener[] = [];
  readonly #pids = new Map<string, number>();
  readonly #traffic = new Map<string, Traffic>();
  readonly #pipes = new Set<Pipe>();
  #changed = Promise.withResolvers<void>();
  #isClosed = false;

  /** A new address in front of `port`, which belongs to `owner`. */
  route(owner: string, port: number): string {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#listeners.push(listener);
    this.#accept(listener, owner, port);
    return `127.0.0.1:${listener.addr.port}`;
  }

  /** Connections of process `pid` are those of `name`. */
  register(name: string, pid: number): void {
    this.#pids.set(name, pid);
  }

  /** What becomes of bytes from `from` to `to`, from now on and on connections that exist. */
  set(from: string, to: string, traffic: Traffic): void {
    this.#traffic.set(key(from, to), traffic);
    this.#apply();
  }

  /** Both directions between each name of one side and each of the other. */
  part(
    side: readonly string[],
    other: readonly string[],
    traffic: Traffic = { kind: "hold" },
  ): void {
    for (const a of side) {
      for (const b of other) {
        this.#traffic.set(key(a, b), traffic);
        this.#traffic.set(key(b, a), traffic);
      }
    }
    this.#apply();
  }

  /**
   * Connections between two names die at `dead`'s end alone: the other end hears nothing of it and
   * whatever it sends is lost. New connections pass.
   */
  halfOpen(alive: string, dead: string): void {
    for (const pipe of [...this.#pipes]) pipe.halfOpen(alive, dead);
  }

  /** Everything passes again. */
  heal(): void {
    this.#traffic.clear();
    this.#apply();
  }

  /** Open connections between two names, in either direction. */
  connections(a: string, b: string): number {
    return [...this.#pipes].filter((pipe) => pipe.isBetween(a, b)).length;
  }

  close(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) listener.close();
    for (const pipe of [...this.#pipes]) pipe.close();
    this.#apply();
  }

  /** @internal */
  traffic(from: string, to: string): Traffic {
    return this.#traffic.get(key(from, to)) ?? PASS;
  }

  /** Resolves when nothing holds bytes from `from` to `to`; false: it never will. */
  async #passable(from: string, to: string, pipe: Pipe): Promise<boolean> {
    while (!this.#isClosed && !pipe.isClosed) {
      if (this.traffic(from, to).kind !== "hold") return true;
      await this.#changed.promise;
    }
    return false;
  }

  #apply(): void {
    for (const pipe of [...this.#pipes]) {
      const isCut = this.traffic(pipe.from, pipe.to).kind === "cut" ||
        this.traffic(pipe.to, pipe.from).kind === "cut";
      if (isCut) pipe.close();
    }
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #accept(listener: Deno.TcpListener, owner: string, port: number): Promise<void> {
    try {
      for await (const caller of listener) this.#connect(caller, owner, port);
    } catch (failure) {
      if (!this.#isClosed) throw failure;
    }
  }

  async #connect(caller: Deno.TcpConn, owner: string, port: number): Promise<void> {
    const pipe: Pipe = new Pipe(ownerOf(caller, this.#pids), owner, caller, {
      traffic: (from, to) => this.traffic(from, to),
      passable: (from, to) => this.#passable(from, to, pipe),
      closed: () => {
        this.#pipes.delete(pipe);
        this.#wake(); // whoever waits for this pipe must not wait for ever
      },
    });
    this.#pipes.add(pipe);
    this.#apply();
    await pipe.run(port);
  }
}

interface PipePorts {
  readonly traffic: (from: string, to: string) => Traffic;
  readonly passable: (from: string, to: string) => Promise<boolean>;
  readonly closed: () => void;
}

/** One connection, from the process that opened it to the one that was called. */
class Pipe {
  readonly from: string;
  readonly to: string;
  readonly #caller: Deno.TcpConn;
  readonly #ports: PipePorts;
  #called: Deno.TcpConn | undefined;
  readonly #dead = new Set<Deno.TcpConn>();
  isClosed = false;

  constructor(from: string, to: string, caller: Deno.TcpConn, ports: PipePorts) {
    this.from = from;
    this.to = to;
    this.#caller = caller;
    this.#ports = ports;
  }

  isBetween(a: string, b: string): boolean {
    return (this.from === a && this.to === b) || (this.from === b && this.to === a);
  }

  /** A handshake needs both directions; then bytes flow until both ends are done. */
  async run(port: number): Promise<void> {
    try {
      const { passable } = this.#ports;
      const isPassable = await passable(this.from, this.to) && await passable(this.to, this.from);
      if (!isPassable) return;
      const called = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#called = called;
      if (this.isClosed) return closeQuietly(called);
      for (const end of [this.#caller, called]) end.setNoDelay(true);
      await Promise.all([
        this.#pump(this.#caller, called, this.from, this.to),
        this.#pump(called, this.#caller, this.to, this.from),
      ]);
    } catch (failure) {
      if (!isConnectionEnd(failure)) throw failure;
    } finally {
      this.close();
    }
  }

  halfOpen(alive: string, dead: string): void {
    if (!this.isBetween(alive, dead) || this.#called === undefined) return;
    const end = this.to === dead ? this.#called : this.#caller;
    this.#dead.add(end);
    closeQuietly(end);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    closeQuietly(this.#caller);
    if (this.#called !== undefined) closeQuietly(this.#called);
    this.#ports.closed();
  }

  async #pump(
    source: Deno.TcpConn,
    target: Deno.TcpConn,
    from: string,
    to: string,
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    let delivered: Promise<void> = Promise.resolve();
    let waitingBytes = 0;
    const deliver = async (chunk: Uint8Array, dueMs: number) => {
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (!await this.#ports.passable(from, to)) return;
      if (!this.#dead.has(target)) await writeAll(target, chunk);
      waitingBytes -= chunk.byteLength;
    };
    while (true) {
      const length = await readSome(source, buffer);
      if (length === null) break;
      const traffic = this.#ports.traffic(from, to);
      const dueMs = traffic.kind === "delay" ? performance.now() + traffic.ms : 0;
      const chunk = buffer.slice(0, length);
      waitingBytes += length;
      delivered = delivered.then(() => deliver(chunk, dueMs));
      delivered.catch(() => {}); // awaited below, or after the last byte
      // What is held stays with its sender, as in a full window.
      if (traffic.kind !== "delay" || waitingBytes > DELAYED_BYTES_MAX) await delivered;
    }
    await delivered;
    // The end of a connection travels as its bytes do; a dead end has told nobody of it.
    if (this.#dead.has(source) || !await this.#ports.passable(from, to)) return;
    await target.closeWrite();
  }
}

/** The name of the process at the other end of an accepted connection. */
function ownerOf(connection: Deno.TcpConn, pids: ReadonlyMap<string, number>): string {
  const caller = connection.remoteAddr.port;
  const called = connection.localAddr.port;
  const inode = inodeOf(caller, called);
  if (inode === undefined) return CLIENT;
  for (const [name, pid] of pids) if (holdsSocket(pid, inode)) return name;
  return CLIENT;
}

/** The inode of the caller's socket, from the kernel's table of connections. */
function inodeOf(localPort: number, remotePort: number): string | undefined {
  const suffix = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of Deno.readTextFileSync("/proc/net/tcp").split("\n")) {
    const fields = line.trim().split(/\s+/);
    const [, local = "", remote = ""] = fields;
    if (local.endsWith(suffix(localPort)) && remote.endsWith(suffix(remotePort))) return fields[9];
  }
  return undefined;
}

function holdsSocket(pid: number, inode: string): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    for (const { name } of Deno.readDirSync(directory)) {
      if (linkTarget(`${directory}/${name}`) === `socket:[${inode}]`) return true;
    }
    return false;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false; // the process is gone
    throw failure;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return undefined; // closed meanwhile
    throw failure;
  }
}

async function readSome(source: Deno.TcpConn, buffer: Uint8Array): Promise<number | null> {
  try {
    return await source.read(buffer);
  } catch (failure) {
    if (isConnectionEnd(failure)) return null;
    throw failure;
  }
}

async function writeAll(target: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) at += await target.write(bytes.subarray(at));
}

function closeQuietly(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (failure) {
    if (!isConnectionEnd(failure)) throw failure;
  }
}

function isConnectionEnd(failure: unknown): boolean {
  return failure instanceof Deno.errors.ConnectionRefused ||
    failure instanceof Deno.errors.ConnectionReset ||
    failure instanceof Deno.errors.ConnectionAborted ||
    failure instanceof Deno.errors.BrokenPipe ||
    failure instanceof Deno.errors.NotConnected ||
    failure instanceof Deno.errors.BadResource ||
    failure instanceof Deno.errors.Interrupted ||
    failure instanceof Deno.errors.UnexpectedEof;
}

function key(from: string, to: string): string {
  return `${from}>${to}`;
}
