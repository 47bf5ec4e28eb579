/**
 * Keys of the processes in which a worker runs jobs: how many, how long, and how much they may take.
 *
 * @module
 */

import { flag, key, NODES, WORKER } from "./key.ts";
import { integer, list, map, text } from "./kinds.ts";
import { bytes, duration } from "./quantities.ts";

/** Of `worker.*`. */
export const executorKeys = {
  kill_grace: key(duration({ min: "0s", max: "1h" }), {
    doc:
      "Time for an attempt that is told to stop (cancelled, timed out, handed back) before its " +
      "process is ended; a leader waits so much longer before it ends an overdue attempt itself.",
    usedBy: NODES,
    default: "3s",
  }),
  executor_spares: key(integer({ min: 0, max: 1_000 }), {
    doc: "Executor processes kept ready for each kind of job, so that none waits for one to start.",
    usedBy: WORKER,
    default: 1,
    profileDefaults: { development: 0 },
  }),
  executor_attempts: key(integer({ min: 1, max: 1_000_000_000 }), {
    doc: "Attempts after which an executor process is replaced.",
    usedBy: WORKER,
    default: 1_000,
  }),
  executor_heap: key(bytes({ min: "32MiB", max: "1TiB" }), {
    doc:
      "JavaScript heap of one executor process; the compiled program knows executor_memory only.",
    usedBy: WORKER,
    default: "512MiB",
  }),
  executor_memory: key(bytes({ min: "64MiB", max: "1TiB" }), {
    doc:
      "Memory of one attempt's processes together; beyond, they are ended (on Linux). A process that keeps " +
      "more than a quarter of it (256 MiB at least) after an attempt is replaced.",
    usedBy: WORKER,
    default: "3GiB",
  }),
  executor_disk: key(bytes({ min: "0B", max: "1024TiB" }), {
    doc:
      "Files in an attempt's own directory; beyond, the attempt is ended (on Linux). 0: no bound.",
    usedBy: WORKER,
    default: "10GiB",
  }),
  executor_processes: key(integer({ min: 0, max: 1_000_000 }), {
    doc:
      "Processes that an attempt may have started and that still live; beyond, it is ended (on " +
      "Linux).",
    usedBy: WORKER,
    default: 64,
  }),
  handler_permissions: key(list(text()), {
    doc:
      "What the processes of custom handlers may do: all, or Deno's kinds of permissions (read, " +
      "write, net, env, run, sys, ffi, import), such as net or read=/data.",
    usedBy: WORKER,
    default: ["all"],
  }),
  exec_commands: key(map(), {
    doc:
      "What jobs of type exec may start, by name: an absolute path, or a JSON array of one and " +
      "its first arguments. Empty: the type is not offered.",
    usedBy: WORKER,
    default: {},
    flags: flag("allow-exec", WORKER),
  }),
};
