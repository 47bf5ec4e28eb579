/**
 * How V8 is set up in what the build makes. By default it lets garbage grow to some 300 MiB before it
 * collects any from the old generation; a master's live heap is 30 MiB. Collecting sooner costs no
 * time that could be measured.
 */
export const V8_FLAGS = "--initial-old-space-size=64,--heap-growing-percent=100";
