/**
 * Abuse of HTTP/2 below gRPC, written frame by frame.
 *
 * @module
 */

import type { Random } from "../simulation/random.ts";
import { randomBytes } from "./messages.ts";

const PREFACE = [...new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")];
const [DATA, HEADERS, RST, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION] = [
  0,
  1,
  3,
  4,
  6,
  8,
  9,
] as const;
const [END_STREAM, END_HEADERS] = [1, 4] as const;
/** An abuser stops after so many bytes, if the server has not stopped it before. */
const BYTES_MAX = 4 * 1024 * 1024;
/** How long an abuser waits for a server that neither reads nor closes, in ms. */
const STUCK_MS = 5_000;

type Abuse = (random: Random) => Iterable<readonly number[]>;

/** By name; each yields what is written after the preface. */
export const ABUSES: Readonly<Record<string, Abuse>> = {
  *"random frames"(random) {
    yield frame(SETTINGS, 0, 0, []);
    for (let each = 0; each < 50; each++) {
      const length = random.below(200);
      yield frame(
        random.below(12),
        random.below(256),
        random.below(9),
        randomBytes(length, random),
      );
    }
  },
  *"frames longer than they may be"() {
    yield frame(SETTINGS, 0, 0, []);
    yield [0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1, ...new Array(100_000).fill(0)];
  },
  *"no HTTP/2 at all"(random) {
    yield randomBytes(10_000, random);
  },
  *"a flood of settings"() {
    for (let each = 0; each < 8_000; each++) yield frame(SETTINGS, 0, 0, []);
  },
  *"a flood of pings"() {
    yield frame(SETTINGS, 0, 0, []);
    for (let each = 0; each < 8_000; each++) yield frame(PING, 0, 0, new Array(8).fill(0));
  },
  *"headers without end"(random) {
    yield frame(SETTINGS, 0, 0, []);
    yield frame(HEADERS, 0, 1, requestHeaders());
    for (;;) {
      yield frame(CONTINUATION, 0, 1, header("x-fill", "y".repeat(random.between(1, 8_000))));
    }
  },
  *"thousands of empty continuations"() {
    yield frame(SETTINGS, 0, 0, []);
    yield frame(HEADERS, 0, 1, requestHeaders());
    for (let each = 0; each < 30_000; each++) yield frame(CONTINUATION, 0, 1, []);
  },
  *"huge headers on many streams"() {
    yield frame(SETTINGS, 0, 0, []);
    for (let stream = 1; stream < 400; stream += 2) {
      const headers = [...requestHeaders(), ...header("x-fill", "y".repeat(15_000))];
      yield frame(HEADERS, END_HEADERS, stream, headers);
    }
  },
  *"rapid reset"() {
    yield frame(SETTINGS, 0, 0, []);
    for (let stream = 1; stream < 10_000; stream += 2) {
      yield frame(HEADERS, END_HEADERS, stream, requestHeaders());
      yield frame(RST, 0, stream, [0, 0, 0, 8]);
    }
  },
  *"windows that overflow"() {
    yield frame(SETTINGS, 0, 0, []);
    yield frame(HEADERS, END_HEADERS, 1, requestHeaders());
    for (let each = 0; each < 4; each++) {
      yield frame(WINDOW_UPDATE, 0, each % 2, [0x7f, 0xff, 0xff, 0xff]);
    }
  },
  *"windows without end, and data without bytes"() {
    yield frame(SETTINGS, 0, 0, []);
    for (let each = 0; each < 100_000; each++) yield frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]);
    yield frame(HEADERS, END_HEADERS, 1, requestHeaders());
    for (let each = 0; each < 100_000; each++) yield frame(DATA, 0, 1, []);
  },
  *"bodies that never end"() {
    yield frame(SETTINGS, 0, 0, []);
    for (let stream = 1; stream < 200; stream += 2) {
      yield frame(HEADERS, END_HEADERS, stream, requestHeaders());
      // It says that four mebibytes will come, and sends three bytes of them.
      yield frame(DATA, 0, stream, [0, 0, 0x40, 0, 0, 1, 2, 3]);
    }
  },
  *"a message that claims to be huge, one compressed by nothing, one of a flag that is none"() {
    yield frame(SETTINGS, 0, 0, []);
    for (
      const [index, prefix] of [[0, 0xff, 0xff, 0xff, 0xff], [1, 0, 0, 0, 1], [7, 0, 0, 0, 1]]
        .entries()
    ) {
      yield frame(HEADERS, END_HEADERS, 1 + 2 * index, requestHeaders());
      yield frame(DATA, END_STREAM, 1 + 2 * index, [...prefix, 9]);
    }
  },
};

/**
 * Does one of them to a server; resolves when the server has had enough, or all is written.
 *
 * @param connect to the server, in plain text or through TLS
 */
export async function abuse(
  connect: () => Promise<Deno.Conn>,
  name: string,
  random: Random,
): Promise<void> {
  const connection = await connect();
  const answers = drain(connection);
  const stuck = setTimeout(() => closed(connection), STUCK_MS);
  try {
    await write(connection, name === "no HTTP/2 at all" ? [] : PREFACE);
    let pending: number[] = [];
    let written = 0;
    for (const bytes of ABUSES[name]!(random)) {
      pending = pending.concat(bytes);
      if (pending.length < 32_768) continue;
      await write(connection, pending);
      written += pending.length;
      pending = [];
      if (written > BYTES_MAX) break;
    }
    await write(connection, pending);
  } catch (failure) {
    if (!isClosedByServer(failure)) throw failure;
  } finally {
    clearTimeout(stuck);
    closed(connection);
    await answers;
  }
}

async function write(connection: Deno.Conn, bytes: readonly number[]): Promise<void> {
  const all = Uint8Array.from(bytes);
  for (let at = 0; at < all.length;) at += await connection.write(all.subarray(at));
}

/** A server that cannot send would stop reading, and so bound what an abuse can do to it. */
async function drain(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    while (await connection.read(buffer) !== null);
  } catch (failure) {
    if (!isClosedByServer(failure)) throw failure;
  }
}

function closed(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (failure) {
    if (!(failure instanceof Deno.errors.BadResource)) throw failure;
  }
}

function isClosedByServer(failure: unknown): boolean {
  return failure instanceof Deno.errors.BrokenPipe ||
    failure instanceof Deno.errors.ConnectionReset ||
    failure instanceof Deno.errors.BadResource || failure instanceof Deno.errors.Interrupted;
}

function frame(type: number, flags: number, stream: number, payload: readonly number[]): number[] {
  const { length } = payload;
  const head = [length >> 16 & 0xff, length >> 8 & 0xff, length & 0xff, type, flags];
  return head.concat(
    [stream >> 24 & 0x7f, stream >> 16 & 0xff, stream >> 8 & 0xff, stream & 0xff],
    payload,
  );
}

function requestHeaders(): number[] {
  return [
    ...header(":method", "POST"),
    ...header(":scheme", "http"),
    ...header(":path", "/proto.MasterService/ListJobs"),
    ...header(":authority", "localhost"),
    ...header("content-type", "application/grpc"),
    ...header("te", "trailers"),
  ];
}

/** HPACK: a literal that is not indexed, without Huffman coding (RFC 7541, 6.2.2). */
function header(name: string, value: string): number[] {
  return [0, ...hpackText(name), ...hpackText(value)];
}

function hpackText(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  if (bytes.length < 127) return [bytes.length, ...bytes];
  const length = [127];
  for (let rest = bytes.length - 127; length.length === 1 || rest > 0; rest >>= 7) {
    length.push(rest & 0x7f | (rest > 0x7f ? 0x80 : 0));
  }
  return length.concat(bytes);
}
