import assert from "node:assert/strict";
import { Encounter } from "./encounter.ts";

const submit = (items: number) => ({ kind: "submit", items }) as const;
const assign = (items: number) => ({ kind: "assign", items }) as const;
const report = (items: number) => ({ kind: "report", items }) as const;

/** Submissions were answered and jobs given out, and the first side has come again. */
function begun(first: "submit" | "report", items = 64, encounter = new Encounter()): Encounter {
  encounter.told(submit(items));
  encounter.told(assign(items));
  encounter.came({ kind: first, items });
  return encounter;
}

Deno.test("the side that comes first is to wait for the other, until that is there but for a few", () => {
  for (const [first, second] of [["submit", "report"], ["report", "submit"]] as const) {
    const encounter = begun(first);
    assert.ok(encounter.isWorthWaiting({ kind: first, items: 64 }));
    encounter.came({ kind: second, items: 48 });
    assert.ok(!encounter.isOver, "16 are to come");
    encounter.came({ kind: second, items: 1 });
    assert.ok(encounter.isOver);
  }
});

Deno.test("nobody is to wait for fewer than have come, and no few for many", () => {
  const encounter = begun("submit");
  assert.ok(!encounter.isWorthWaiting(submit(65)));
  assert.ok(!encounter.isWorthWaiting(submit(15)));
  assert.ok(encounter.isWorthWaiting(submit(16)));
});

Deno.test("only submissions and ends of attempts meet", () => {
  const encounter = begun("submit");
  for (const kind of ["assign", "prune", "fire_schedule"] as const) {
    assert.ok(!encounter.isWorthWaiting({ kind, items: 32 }), kind);
  }
});

Deno.test("who did not come in time is not waited for until there is more to come", () => {
  const encounter = begun("report");
  assert.ok(encounter.isWorthWaiting(report(64)));
  encounter.gaveUp();
  assert.ok(!encounter.isWorthWaiting(report(64)));
  begun("report", 64, encounter);
  assert.ok(encounter.isWorthWaiting(report(64)));
});

Deno.test("after four times in vain 64 occasions pass, unless one was a success", () => {
  const encounter = new Encounter();
  const inVain = () => {
    begun("submit", 64, encounter);
    const waited = encounter.isWorthWaiting(submit(64));
    if (waited) encounter.gaveUp();
    return waited;
  };
  for (let round = 0; round < 3; round++) assert.ok(inVain());
  begun("submit", 64, encounter);
  assert.ok(encounter.isWorthWaiting(submit(64)));
  encounter.came(report(64));
  assert.ok(encounter.isOver);
  for (let round = 0; round < 4; round++) assert.ok(inVain());
  for (let round = 0; round < 64; round++) assert.ok(!inVain());
  assert.ok(inVain());
});
