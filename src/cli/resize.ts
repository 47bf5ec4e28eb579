/**
 * A terminal whose size changes.
 *
 * @module
 */

/** Calls back when the terminal's size has changed; the function that it returns ends that. */
export function onResize(changed: () => void): () => void {
  // Windows tells a console's program of it in another way, which Deno does not pass on.
  if (Deno.build.os === "windows") return () => {};
  Deno.addSignalListener("SIGWINCH", changed);
  return () => Deno.removeSignalListener("SIGWINCH", changed);
}
