import assert from "node:assert/strict";
import { startTestMaster } from "../rpc/server_test_support.ts";
import { connect } from "./client.ts";
import { FILTER } from "./known.ts";

/** As a program without a compiler writes it. */
function misspelt<Given>(given: object): Given {
  return given as Given;
}

Deno.test("what chooses jobs by a name that there is not is refused, before anything is asked", async () => {
  // It has no call at all: whatever was asked would be refused in other words.
  await using master = await startTestMaster({});
  await using client = connect(master.address);
  const filter = misspelt<{ type: string }>({ type: "report", lables: { team: "a" } });
  const first = (jobs: AsyncGenerator<unknown>) => jobs.next();
  const calls: Record<string, () => Promise<unknown>> = {
    cancelAll: () => client.cancelAll(filter),
    list: () => first(client.list(filter)),
    page: () => client.page(filter),
    "deadLetters.list": async () => await first(client.deadLetters.list(filter)),
    "deadLetters.retryAll": () => client.deadLetters.retryAll(filter),
    "deadLetters.purge": () => client.deadLetters.purge(filter),
  };
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call, {
      name: "TypeError",
      message: 'jobs cannot be chosen by "lables"; JobFilter lists them',
    }, name);
  }
  assert.deepEqual(master.codes, []);
});

Deno.test("a misspelt option does not make a call on many jobs do what it was only to count", async () => {
  await using master = await startTestMaster({});
  await using client = connect(master.address);
  const options = misspelt<{ dryRun: boolean }>({ dryrun: true });
  const filter = { type: "report" };
  for (
    const call of [
      () => client.cancelAll(filter, options),
      () => client.deadLetters.retryAll("all", options),
      () => client.deadLetters.purge({ jobIds: ["j1"] }, options),
    ]
  ) {
    await assert.rejects(call, /TypeError: a call about many jobs has no option "dryrun"/);
  }
  await assert.rejects(
    client.submitBatch([{ type: "noop" }], misspelt({ allOrNone: true })),
    /TypeError: a batch has no option "allOrNone"/,
  );
  await assert.rejects(
    client.deadLetters.purge(misspelt({ jobIds: ["j1"], type: "report" })),
    /TypeError: beside jobIds there is no "type"/,
  );
  assert.deepEqual(master.codes, []);
});

Deno.test("what is undefined chooses nothing, and every name of a filter is one", async () => {
  const asked: unknown[] = [];
  await using master = await startTestMaster({
    cancelJobs({ filter }) {
      asked.push(filter);
      return Promise.resolve({ matched: 0, changed: 0 });
    },
  });
  await using client = connect(master.address);
  const nothing = Object.fromEntries(Object.keys(FILTER).map((name) => [name, undefined]));
  await client.cancelAll({ ...nothing, type: "report", ...misspelt({ labl: undefined }) });
  assert.deepEqual(asked, [{ type: "report" }]);
});
