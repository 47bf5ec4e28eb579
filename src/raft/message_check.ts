/** Refuses what no honest peer sends, before it reaches the core's invariants. */

import { isMembership } from "./membership.ts";
import type { CoreMessage, Message } from "./message.ts";

/** Terms and indices above this are an attack or a bug, and would leave no room to count on. */
const COUNTER_MAX = 2 ** 52;

/** What is wrong with `message`, or `undefined`. */
export function faultOf(message: Message | CoreMessage): string | undefined {
  if (typeof message.from !== "string" || message.from === "") return "it has no sender";
  if (message.from === message.to) return "it comes from its own receiver";
  const counters = countersOf(message);
  for (const [name, value] of Object.entries(counters)) {
    if (!Number.isSafeInteger(value) || value < 0 || value > COUNTER_MAX) {
      return `its ${name} is ${value}`;
    }
  }
  if (message.kind === "append_request") return entriesFault(message);
  if (message.kind === "snapshot_chunk" && !isMembership(message.snapshot.membership)) {
    return "its snapshot names no membership";
  }
  return undefined;
}

function countersOf(message: Message | CoreMessage): Record<string, number> {
  const { term } = message;
  switch (message.kind) {
    case "vote_request":
      return { term, lastIndex: message.lastIndex, lastTerm: message.lastTerm };
    case "append_request":
      return {
        term,
        prevIndex: message.prevIndex,
        prevTerm: message.prevTerm,
        commit: message.commit,
      };
    case "append_accepted":
      return { term, match: message.match };
    case "append_rejected":
      return {
        term,
        prevIndex: message.prevIndex,
        hintIndex: message.hintIndex,
        hintTerm: message.hintTerm,
      };
    case "heartbeat_request":
      return { term, commit: message.commit, readRound: message.readRound };
    case "heartbeat_response":
      return { term, readRound: message.readRound };
    case "timeout_now":
      return { term, lastIndex: message.lastIndex };
    case "read_index_request":
      return { term, requestId: message.requestId };
    case "read_index_response":
      return { term, requestId: message.requestId, index: message.index };
    case "snapshot_chunk":
      return {
        term,
        totalBytes: message.totalBytes,
        offsetBytes: message.offsetBytes,
        checksum: message.checksum,
        snapshotIndex: message.snapshot.index,
        snapshotTerm: message.snapshot.term,
      };
    case "snapshot_chunk_ack":
      return { term, nextOffsetBytes: message.nextOffsetBytes };
    default:
      return { term };
  }
}

function entriesFault(message: Extract<Message, { kind: "append_request" }>): string | undefined {
  let { prevIndex: index, prevTerm: term } = message;
  for (const entry of message.entries) {
    if (entry.index !== index + 1) return `its entry ${entry.index} follows ${index}`;
    if (!(entry.term >= term && entry.term <= message.term)) {
      return `its entry ${entry.index} has term ${entry.term}, after ${term}`;
    }
    if (!(entry.data instanceof Uint8Array)) return `its entry ${entry.index} holds no bytes`;
    ({ index, term } = entry);
  }
  return undefined;
}
