/** What the workflows call is there, and a version is written in one place. */

import assert from "node:assert/strict";
import { parse } from "yaml";
import { VERSION } from "../../src/cli/version.ts";
import { COMPANIONS, RELEASED } from "../../scripts/build/release.ts";

const ROOT = new URL("../../", import.meta.url);
const read = (path: string) => Deno.readTextFile(new URL(path, ROOT));
const { version, tasks } = JSON.parse(await read("deno.json"));

interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly needs?: string;
        readonly "timeout-minutes": number;
        readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
      }
    >
  >;
}

Deno.test("what the workflows run is there: tasks, tests, scripts, and the Deno that CI has", async () => {
  const pinned = /^version=([\d.]+)$/m.exec(await read(".ci/run"))?.[1];
  for (const name of ["ci", "release"]) {
    const { jobs } = parse(await read(`.github/workflows/${name}.yml`)) as Workflow;
    for (const [id, job] of Object.entries(jobs)) {
      assert.ok(job["timeout-minutes"] > 0, `${name}: ${id} ends some time`);
      if (job.needs !== undefined) assert.ok(job.needs in jobs, job.needs);
      for (const { uses, run = "" } of job.steps) {
        if (uses !== undefined) assert.match(uses, /^[\w-]+\/[\w-]+@v\d+$/);
        for (const [, deno] of run.matchAll(/deno@([\d.]+)/g)) assert.equal(deno, pinned, run);
        for (const [, task] of run.matchAll(/ task ([\w:-]+)/g)) assert.ok(task! in tasks, task!);
        for (const [path] of run.matchAll(/(?:tests|deploy|scripts|\.ci)\/[\w./-]+/g)) {
          await Deno.stat(new URL(path, ROOT));
        }
      }
    }
  }
});

Deno.test("the version is that of deno.json everywhere", async () => {
  assert.equal(VERSION, version);
  assert.match(await read("deploy/kubernetes/kustomization.yaml"), RegExp(`newTag: ${version}\n`));
});

Deno.test("a release has each name once, and what goes along is in the repository", async () => {
  assert.equal(new Set(RELEASED).size, RELEASED.length);
  for (const path of COMPANIONS) await Deno.stat(new URL(path, ROOT));
});
