/**
 * How V8 is set up in what the build makes. By default it lets garbage grow to some 300 MiB before it
 * collects any from the old generation, and gives new objects up to 48 MiB; a master's live heap is
 * 40 MiB, and 80 more with 100,000 jobs waiting. Collecting sooner costs no processor time that could
 * be measured.
 */
export const V8_FLAGS = "--initial-old-space-size=64,--heap-growing-percent=50," +
  "--max-semi-space-size=8";
