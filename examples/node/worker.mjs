// A worker with a job type of its own, on Node. Stop it with Ctrl-C or SIGTERM.
//
//   npm install @conductor/conductor        (or the tarball of dist/sdk, see the README)
//   node worker.mjs
//   conductor submit --type shout --payload '{"text":"hello"}' --wait

import {
  ConductorWorker,
  defineJobType,
  fromEnvironment,
  PermanentJobError,
} from "@conductor/conductor/worker";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

// A schema of zod, valibot or arktype works as well; a function needs no library.
function textOf(payload) {
  if (typeof payload?.text !== "string") throw new Error("text is missing; it must be a string");
  return payload;
}

const shout = defineJobType({
  name: "shout",
  payload: textOf,
  run: async ({ text }, job) => {
    if (text === "") throw new PermanentJobError("there is nothing to shout");
    job.log(`shouting ${text}`);
    // A directory of this attempt alone, removed when it ends.
    const file = join(job.tempDir, "text");
    await writeFile(file, text.toUpperCase(), { signal: job.signal });
    job.progress(0.5, "half of it");
    return { shouted: await readFile(file, "utf8"), attempt: job.attempt };
  },
});

const worker = new ConductorWorker({
  ...fromEnvironment(),
  types: [shout],
  tags: { runtime: "node" },
  onAttemptEnd: ({ jobType, jobId }, { outcome }) => console.log(`${jobType} ${jobId} ${outcome}`),
});
console.log(`worker ${worker.workerId}`);
await worker.run();
console.log("left in order");
