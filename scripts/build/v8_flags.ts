/**
 * How V8 is set up in what the build makes. By default it lets garbage grow to some 300 MiB before it
 * collects any from the old generation; a master's live heap is 45 MiB, and 80 more with 100,000 jobs
 * waiting. Collecting sooner costs processor time: what a job leaves outlives the new generation, so
 * that at 64 MiB the whole heap was marked every second or two under load. And what waits for an append
 * is copied each time the new generation is full: at 16 MiB half as often as at 8. Together 128 and 16
 * take a tenth less of the processor than 96 and 8, and 192 no less (bench/PROFILE.md). What it costs is
 * memory under load alone; what is free at rest goes back to the system (`src/cli/returned_memory.ts`).
 */
export const V8_FLAGS = "--initial-old-space-size=128,--heap-growing-percent=50," +
  "--max-semi-space-size=16";
