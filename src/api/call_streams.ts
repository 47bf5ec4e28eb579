/**
 * The streams of `MasterService` as server-sent events.
 *
 * @module
 */

import type { DescMessage, JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { eventBytes } from "./event_stream.ts";
import { jsonOf } from "./proto_json.ts";
import type { StreamRow } from "./routes.ts";

/** Makes an event of each message; undefined: of this one none. */
export type Telling = (message: MessageInitShape<DescMessage>) => Uint8Array | undefined;

/** @param lastEventId of the event that a reader which comes back had last */
export function tellingOf(
  events: Exclude<StreamRow["events"], "file">,
  output: DescMessage,
  lastEventId: string | null,
): Telling {
  const json = (message: MessageInitShape<DescMessage>) => jsonOf(output, message);
  switch (events) {
    case "batch":
      return (message) => eventBytes("batch", json(message));
    case "job":
      return (message) => jobEvent(json(message));
    case "log":
      return logTelling(json, lastEventId);
  }
}

function jobEvent({ at, state, progress }: JsonObject): Uint8Array | undefined {
  if (state !== undefined) return eventBytes("state", { at, job: state });
  return progress === undefined ? undefined : eventBytes("progress", { at, progress });
}

/**
 * Lines have numbers within their attempt, and an event's id is where the next begins: so whoever comes
 * back reads on where it was, and reads a new attempt from its first line. A new leader, too, tells all
 * that is kept again.
 */
function logTelling(
  json: (message: MessageInitShape<DescMessage>) => JsonObject,
  lastEventId: string | null,
): Telling {
  const [, ...seenAt] = /^(\d{1,9}):(\d{1,15})$/.exec(lastEventId ?? "") ?? [];
  let [attemptSeen = 0, nextLine = 0] = seenAt.map(Number);
  return (message) => {
    const { at, log } = json(message);
    if (log === undefined || log === null) return undefined;
    const { attempt, first_line: firstLine, lines } = log as unknown as LogLines;
    const isSeen = attempt === attemptSeen && firstLine > 0;
    const seen = isSeen ? Math.max(0, nextLine - firstLine) : 0;
    const news = lines.slice(seen);
    if (news.length === 0) return undefined;
    const next = firstLine + lines.length;
    if (firstLine > 0) [attemptSeen, nextLine] = [attempt, next];
    const id = `${attempt}:${next}`;
    return eventBytes(
      "log",
      { at, log: { lines: news, first_line: firstLine + seen, attempt } },
      id,
    );
  };
}

interface LogLines {
  readonly lines: readonly string[];
  readonly first_line: number;
  readonly attempt: number;
}
