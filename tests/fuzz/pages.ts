/**
 * Requests for pages, most of them none.
 *
 * @module
 */

import type { Random } from "../simulation/random.ts";
import { randomBytes } from "./messages.ts";

const METHODS = ["GET", "HEAD", "POST", "TRACE", "CONNECT", "g e t", "", "G".repeat(9_000)];
const PATHS = [
  "/",
  "/health",
  "/ready",
  "/cluster/status",
  "/failover/status",
  "/metrics",
  "/api/v1/jobs",
  "/api/v1/jobs?limit=-1&cursor=%00&labels==",
  "/api/v1/jobs/%00/cancel",
  "/api/v1/login",
  "/api/v1/events",
  "/%00",
  "/%c0%ae%c0%ae/etc/passwd",
  "/../../etc/passwd",
  "//evil",
  "http://evil/",
  "*",
  `/${"a".repeat(70_000)}`,
  "/?a=" + "%41".repeat(1_000),
  "/\u202e",
];
const HEADERS = [
  "host: localhost",
  "host:",
  "content-length: -1",
  "content-length: 99999999999999999999",
  "content-length: 5\r\ntransfer-encoding: chunked",
  "transfer-encoding: chunked",
  "authorization: Bearer " + "a".repeat(20_000),
  "cookie: conductor=" + "a.".repeat(2_000),
  "content-type: application/json\r\ncontent-length: 7",
  "last-event-id: 1:-1",
  "x: a\nb",
  ": nameless",
  "no colon",
  "x: " + "y".repeat(100_000),
  "upgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: AAAA",
];
/** How long an answer may take, in ms; a request that is not whole gets none. */
const ANSWER_MS = 500;

/** Sends one request; gives what is wrong with the answer, if there is one. */
export async function askBadly(port: number, random: Random): Promise<string | undefined> {
  const request = requestOf(random);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const timer = setTimeout(() => close(connection), ANSWER_MS);
  let answer = "";
  try {
    await connection.write(request);
    const buffer = new Uint8Array(4_096);
    const count = await connection.read(buffer);
    answer = new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  } catch (failure) {
    const isOver = failure instanceof Deno.errors.ConnectionReset ||
      failure instanceof Deno.errors.BrokenPipe || failure instanceof Deno.errors.BadResource ||
      failure instanceof Deno.errors.Interrupted;
    if (!isOver) throw failure;
  } finally {
    clearTimeout(timer);
    close(connection);
  }
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 400);
  // 503 is what /ready says of a master that is not ready.
  const isFault = status >= 500 && status !== 503 && status !== 501 && status !== 505;
  const leaks = /at (file|ext):|\/root:|node_modules/.test(answer);
  if (!isFault && !leaks) return undefined;
  return `a page answered ${answer.slice(0, 300)} to ${request.subarray(0, 300).toHex()}`;
}

function requestOf(random: Random): Uint8Array<ArrayBuffer> {
  if (random.chance(0.2)) return Uint8Array.from(randomBytes(random.between(1, 2_000), random));
  const lines = [`${random.pick(METHODS)} ${random.pick(PATHS)} HTTP/1.${random.below(3)}`];
  for (let each = random.below(4); each > 0; each--) lines.push(random.pick(HEADERS));
  return new TextEncoder().encode(
    `${lines.join("\r\n")}\r\n\r\n${random.pick(["", "zz\r\n", "5"])}`,
  );
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (failure) {
    if (!(failure instanceof Deno.errors.BadResource)) throw failure;
  }
}
