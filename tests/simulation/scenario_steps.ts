/** What the scripted scenarios share. */

import type { MembershipChange, Message } from "../../src/raft/mod.ts";
import type { Violation } from "./oracle.ts";
import type { Script } from "./script.ts";
import { TIMEOUT_MS } from "./script.ts";

/** One scenario; it passes when it returns no violation, whatever the seed of its chances. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  run(seed: number): Promise<Violation | undefined>;
}

export const FIVE = ["n1", "n2", "n3", "n4", "n5"];

export function scenario(id: string, title: string, run: Scenario["run"]): Scenario {
  return { id, title, run };
}

export async function healed(script: Script): Promise<Violation | undefined> {
  if (script.violation === undefined) await script.heal();
  return script.violation;
}

/** Asks for a change until it is committed; a leader that steps down may leave that unknown. */
export async function changed(
  script: Script,
  change: MembershipChange,
): Promise<void> {
  const done = () => {
    const leader = script.cluster.leader;
    const members = leader === undefined ? [] : script.cluster.statusOf(leader.id)?.members ?? [];
    const id = "member" in change ? change.member.id : change.id;
    const member = members.find((each) => each.id === id);
    if (leader === undefined) return false;
    switch (change.kind) {
      case "add_learner":
      case "demote":
        return member?.votes === false;
      case "replace":
        return member?.incarnation === change.member.incarnation;
      case "promote":
        return member?.votes === true;
      case "remove":
        return member === undefined;
      default:
        return true;
    }
  };
  let waiting = false;
  await script.until(`the change ${change.kind} is made`, () => {
    if (done()) return true;
    if (!waiting) {
      waiting = true;
      script.ask(change, () => waiting = false);
    }
    return false;
  }, 60 * TIMEOUT_MS);
}

/** Whether the receiver holds the entry before those of `message`. */
export function wouldAccept(
  script: Script,
  message: Extract<Message, { kind: "append_request" }>,
): boolean {
  const disk = script.node(message.to).durable;
  if (disk === undefined || message.prevIndex > disk.lastIndex) return false;
  return message.prevIndex < disk.boundaryIndex ||
    disk.term(message.prevIndex) === message.prevTerm;
}
