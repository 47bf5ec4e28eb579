/**
 * How much memory another process takes, and telling when it is too much.
 *
 * V8's own limit counts the JavaScript heap alone, not images, WebAssembly or buffers, and a compiled
 * program does not heed it from the environment; so the worker looks from outside, where the system
 * shows it (Linux).
 *
 * @module
 */

const MEBIBYTE = 1024 * 1024;
/** Fast enough that what a process takes between two looks is small beside any sensible bound. */
const LOOK_INTERVAL_MS = 200;

/** Bytes of `pid` that are in memory; `undefined` when it is gone, or the system does not say. */
export async function residentBytesOf(pid: number): Promise<number | undefined> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined; // gone, or not to be read just now
  }
}

/** Calls `onExcess` once, with a sentence, when `pid` takes more than it may. Returns how to stop. */
export function watchMemory(
  pid: number,
  mebibytesMax: number,
  onExcess: (what: string) => void,
): () => void {
  if (Deno.build.os !== "linux") return () => {};
  const timer = setInterval(async () => {
    const bytes = await residentBytesOf(pid);
    if (bytes === undefined || bytes <= mebibytesMax * MEBIBYTE) return;
    clearInterval(timer);
    onExcess(
      `it took ${Math.round(bytes / MEBIBYTE)} MiB of memory, and may take ${mebibytesMax}`,
    );
  }, LOOK_INTERVAL_MS);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}
