import assert from "node:assert/strict";
import { Contact } from "./contact.ts";

const MEMBERS = ["a", "b", "c", "d", "e"].map((id) => ({
  id,
  address: "",
  incarnation: "",
  votes: id !== "e",
}));

/** Of four voters and a learner, with an election timeout of 100 ms. */
function contactOfA() {
  const clock = { ms: 1_000 };
  const contact = new Contact({ electionTimeoutMs: 100, now: () => clock.ms });
  const isLost = (id = "a") => contact.isLost({ id, members: MEMBERS });
  return { clock, contact, isLost };
}

Deno.test("a master that has just started has not lost its cluster yet", () => {
  const { clock, isLost } = contactOfA();
  clock.ms += 100;
  assert.equal(isLost(), false);
  clock.ms++;
  assert.equal(isLost(), true);
});

Deno.test("without a leader a majority of voters must be heard of, this one included", () => {
  const { clock, contact, isLost } = contactOfA();
  clock.ms += 500;
  contact.heard("b");
  contact.heard("e");
  assert.equal(isLost(), true, "a and b of four voters, and a learner");
  contact.heard("c");
  assert.equal(isLost(), false);
  assert.equal(isLost("e"), true, "a learner hears of two of four voters, and is none");
  clock.ms += 101;
  assert.equal(isLost(), true, "that is long ago");
});

Deno.test("a follower whose leader fell silent first asks the others whether they live", () => {
  const { clock, contact, isLost } = contactOfA();
  contact.roleChanged({ role: "follower", leaderId: "b" });
  clock.ms += 10_000;
  contact.roleChanged({ role: "pre_candidate", leaderId: undefined });
  clock.ms += 50;
  assert.equal(isLost(), false, "they may still answer");
  contact.roleChanged({ role: "follower", leaderId: undefined });
  clock.ms++;
  assert.equal(isLost(), true, "they have not");
});

Deno.test("a leader that was deposed because nobody answered it has asked long enough", () => {
  const { clock, contact, isLost } = contactOfA();
  contact.roleChanged({ role: "leader", leaderId: "a" });
  clock.ms += 101;
  contact.roleChanged({ role: "follower", leaderId: undefined });
  assert.equal(isLost(), true);
});

Deno.test("who knows a leader is not cut off, whoever else is silent", () => {
  const { clock, contact, isLost } = contactOfA();
  contact.roleChanged({ role: "follower", leaderId: "b" });
  clock.ms += 10_000;
  assert.equal(isLost(), false);
});
