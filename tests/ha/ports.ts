/**
 * Ports for processes that are started, killed and started again.
 *
 * @module
 */

import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Below those that the kernel hands out to whoever asks for any port, so that between a kill and a
 * restart nobody gets ours by chance; and above the last one that `fetch` refuses to call.
 */
const LOWEST = 10_081;
const HIGHEST = 30_000;

/** Longer than any test runs. */
const STALE_MS = 2 * 60 * 60 * 1000;

/**
 * One empty directory for each port that is given out: tests run beside each other in several
 * processes, and a port may be given long before somebody listens on it.
 */
const RESERVATIONS = join(tmpdir(), "conductor-test-ports");

const given = new Set<number>();

/** Ports of loopback that nobody listens on now, and that no living test was given. */
export function unusedPorts(count: number): number[] {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port) || !reserve(port)) continue;
    given.add(port);
    if (isFree(port)) ports.push(port);
  }
  return ports;
}

/** False when another one has it. What a killed process left counts until its age tells. */
function reserve(port: number): boolean {
  const path = join(RESERVATIONS, String(port));
  Deno.mkdirSync(RESERVATIONS, { recursive: true });
  try {
    Deno.mkdirSync(path);
  } catch (failure) {
    // The last one of another process has just left.
    if (failure instanceof Deno.errors.NotFound) return reserve(port);
    if (!(failure instanceof Deno.errors.AlreadyExists)) throw failure;
    if (Date.now() - (Deno.statSync(path).mtime?.getTime() ?? 0) < STALE_MS) return false;
  }
  return true;
}

globalThis.addEventListener("unload", () => {
  for (const port of given) {
    rmSync(join(RESERVATIONS, String(port)), { recursive: true, force: true });
  }
  // Of no other one either: the last who leaves takes the directory along.
  const isEmpty = given.size > 0 && [...Deno.readDirSync(RESERVATIONS)].length === 0;
  if (isEmpty) rmSync(RESERVATIONS, { recursive: true, force: true });
});

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (failure) {
    if (failure instanceof Deno.errors.AddrInUse) return false;
    throw failure;
  }
}
