/**
 * Who belongs to the cluster and who leads, told along with the answers to those who ask to be told:
 * so a client that was given one address knows all of them after its first call, and finds a new
 * leader without asking anybody. Callers that do not ask, such as the original's, see nothing of it.
 *
 * @module
 */

import type { Metadata } from "@grpc/grpc-js";

/** The cluster as one member sees it. */
export interface ClusterView {
  readonly term: number;
  /** Where clients reach the leader; empty while none is known. */
  readonly leader: string;
  /** Where clients reach each member. */
  readonly members: readonly string[];
}

/** In a request: the view that the caller has. In an answer: the one it should have. */
const VIEW_KEY = "cluster-view";

/** What a caller that has `view` says, so that it is told of another one. */
export function askForView(metadata: Metadata, view: ClusterView | undefined): void {
  metadata.set(VIEW_KEY, view === undefined ? "none" : textOf(view));
}

/** Puts `view` into an answer if its caller asked and has another one. */
export function tellView(asked: Metadata, answer: Metadata, view: ClusterView): void {
  const held = asked.get(VIEW_KEY)[0];
  if (held === undefined) return;
  const text = textOf(view);
  if (held.toString() !== text) answer.set(VIEW_KEY, text);
}

/** What an answer told, if it did. */
export function toldView(answer: Metadata): ClusterView | undefined {
  const text = answer.get(VIEW_KEY)[0]?.toString();
  return text === undefined ? undefined : viewOf(text);
}

/** The inverse of {@linkcode textOf}. */
export function viewOf(text: string): ClusterView {
  const [term = "", leader = "", members = ""] = text.split(";");
  return {
    term: Number(term),
    leader,
    members: members.split(",").filter((each) => each !== ""),
  };
}

/** `7;10.0.0.1:9000;10.0.0.1:9000,10.0.0.2:9000` */
export function textOf({ term, leader, members }: ClusterView): string {
  return `${term};${leader};${members.join(",")}`;
}
