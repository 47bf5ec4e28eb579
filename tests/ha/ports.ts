/**
 * Ports for processes that are started, killed and started again.
 *
 * @module
 */

/**
 * Below those that the kernel hands out to whoever asks for any port, so that between a kill and a
 * restart nobody gets ours by chance; and above the last one that `fetch` refuses to call.
 */
const LOWEST = 10_081;
const HIGHEST = 30_000;

const given = new Set<number>();

/** Ports of loopback that nobody listens on now and that this process has not given out before. */
export function unusedPorts(count: number): number[] {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port) || !isFree(port)) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (failure) {
    if (failure instanceof Deno.errors.AddrInUse) return false;
    throw failure;
  }
}
