import assert from "node:assert/strict";
import { RoundGate, type Share } from "./round_gate.ts";

/** A gate, and Commands of so many items that go through it and write down that they did. */
class Road {
  readonly gate = new RoundGate();
  readonly gone: string[] = [];
  readonly #shares = new Map<string, Share>();

  /** Whether it may go at once. */
  send(name: string, items: number, bytes = 0, kind: Share["kind"] = "prune"): boolean {
    const share = { kind, items, bytes };
    this.#shares.set(name, share);
    const go = () => {
      this.gate.left(share);
      this.gone.push(name);
    };
    const held = this.gate.enter(share);
    if (held === undefined) go();
    else held.then(go);
    return held === undefined;
  }

  arrive(...names: string[]): void {
    for (const name of names) this.gate.arrived(this.#shares.get(name)!);
  }
}

/** The end of this turn of the event loop, and of the immediates that it set. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await turn();
}

Deno.test("with nothing on its way a Command goes at once, and so do others of its turn", async () => {
  const road = new Road();
  assert.ok(road.send("a", 100));
  assert.ok(road.send("b", 100));
  await turn();
  road.arrive("a", "b");
  assert.ok(road.send("c", 100));
});

Deno.test("what comes while much is on its way goes when that has arrived, in its order", async () => {
  const road = new Road();
  road.send("a", 100);
  road.send("b", 1);
  await turn();
  assert.ok(!road.send("c", 1));
  assert.ok(!road.send("d", 50));
  road.arrive("a");
  await turns(2);
  assert.deepEqual(road.gone, ["a", "b"], "b is still on its way");
  road.arrive("b");
  assert.ok(!road.send("e", 1), "it would overtake those that wait");
  await turns(2);
  assert.deepEqual(road.gone, ["a", "b", "c", "d", "e"]);
});

Deno.test("what the outcomes set going in their turn goes along", async () => {
  const road = new Road();
  road.send("a", 100);
  await turn();
  road.send("b", 1);
  setImmediate(() => road.send("plan", 1));
  road.arrive("a");
  await turns(2);
  assert.deepEqual(road.gone, ["a", "b", "plan"]);
});

Deno.test("little on its way holds nobody up", async () => {
  const road = new Road();
  road.send("a", 15);
  await turn();
  assert.ok(road.send("b", 1));
  await turn();
  assert.ok(!road.send("c", 1), "16 are on their way now");
  road.gate.stop();
});

Deno.test("what never arrives holds others up for a moment only", async () => {
  const road = new Road();
  road.send("a", 100);
  await turn();
  const held = road.gate.enter({ kind: "prune", items: 1, bytes: 0 });
  assert.ok(held !== undefined);
  await held;
});

Deno.test("no more gathers than an append is to hold", async () => {
  const road = new Road();
  road.send("a", 100);
  await turn();
  road.send("b", 1, 600_000);
  await turns(2);
  assert.deepEqual(road.gone, ["a"]);
  road.send("c", 1, 600_000);
  await turns(2);
  assert.deepEqual(road.gone, ["a", "b", "c"]);
  road.arrive("b");
  await turn();
  road.send("d", 2_048);
  await turns(2);
  assert.deepEqual(road.gone, ["a", "b", "c", "d"]);
});

Deno.test("where one alone gathers each time, holding is given up for a while", async () => {
  const road = new Road();
  road.send("0", 100);
  await turn();
  let number = 0;
  const round = async () => {
    const went = road.send(`${number + 1}`, 100);
    road.arrive(`${number++}`);
    await turns(2);
    return went;
  };
  for (let lonely = 0; lonely < 4; lonely++) assert.equal(await round(), false);
  for (let passed = 0; passed < 64; passed++) assert.equal(await round(), true);
  assert.equal(await round(), false);
  road.gate.stop();
});

Deno.test("whoever waits when the master stops may go, to hear that it does", async () => {
  const road = new Road();
  road.send("a", 100);
  await turn();
  road.send("b", 1);
  road.gate.stop();
  await turn();
  assert.deepEqual(road.gone, ["a", "b"]);
});

/** One append in which `count` submissions are answered and as many jobs given to workers. */
async function cycleBegun(road: Road, count: number): Promise<void> {
  road.send("submissions", count, 0, "submit");
  road.send("assignments", count, 0, "assign");
  await turn();
  road.arrive("submissions", "assignments");
  road.gone.length = 0;
}

for (const [first, second] of [["submit", "report"], ["report", "submit"]] as const) {
  Deno.test(`a ${first} waits for the ${second} that is about to come, and they go together`, async () => {
    const road = new Road();
    await cycleBegun(road, 64);
    assert.ok(!road.send("first", 64, 0, first));
    assert.ok(!road.send("its assignments", 36, 0, "assign"));
    await turns(2);
    assert.deepEqual(road.gone, []);
    assert.ok(!road.send("some of the second", 40, 0, second));
    await turns(2);
    assert.deepEqual(road.gone, [], "24 more are about to come");
    assert.ok(!road.send("the others", 24, 0, second));
    await turns(2);
    assert.deepEqual(road.gone, ["first", "its assignments", "some of the second", "the others"]);
  });
}

Deno.test("whoever was waited for in vain is not any more, and the others go", async () => {
  const road = new Road();
  await cycleBegun(road, 64);
  const share = { kind: "submit", items: 64, bytes: 0 } as const;
  await road.gate.enter(share);
  road.gate.left(share);
  await turn();
  road.gate.arrived(share);
  assert.ok(road.send("next", 64, 0, "submit"));
});

Deno.test("submissions of whose jobs none is given out never wait for ends", async () => {
  const road = new Road();
  for (let round = 0; round < 3; round++) {
    assert.ok(road.send("a", 64, 0, "submit"));
    await turn();
    road.arrive("a");
  }
});
