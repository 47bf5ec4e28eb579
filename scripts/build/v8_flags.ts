/**
 * How V8 is set up in what the build makes. By default it lets garbage grow to some 300 MiB before it
 * collects any from the old generation, and gives new objects up to 48 MiB; a master's live heap is
 * 45 MiB, and 80 more with 100,000 jobs waiting. Collecting sooner costs processor time: what a job
 * leaves outlives the new generation, 2.7 kB of it, so that at 64 MiB each 20 MiB of it had the whole
 * heap marked, every second or two under load. At 96 MiB it is a third as often, for 40 MiB more.
 */
export const V8_FLAGS = "--initial-old-space-size=96,--heap-growing-percent=50," +
  "--max-semi-space-size=8";
