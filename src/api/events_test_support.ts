/**
 * Reads server-sent events as a browser does.
 *
 * @module
 */

import assert from "node:assert/strict";

/** What tests read of events; each kind of event has some of it. */
export interface EventData {
  readonly code: string;
  readonly seq: number;
  readonly term: number;
  readonly leader_id: string;
  readonly members: readonly { readonly lag: number; readonly is_leader: boolean }[];
  /** How many there are, or those that changed. */
  readonly jobs: readonly { readonly id: string }[] & { readonly seen?: number };
  readonly more: boolean;
  readonly job: {
    readonly status: string;
    readonly assigned_to: string;
    readonly result: { readonly success: boolean };
  };
  readonly progress: { readonly fraction: number };
  readonly log: { readonly first_line: number; readonly lines: readonly string[] };
}

/** An event as a browser reads it. */
export interface SentEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: EventData;
}

/** Events of an answer as a browser reads them; comments and retry times are left out. */
export async function* eventsOf(response: Response): AsyncGenerator<SentEvent> {
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  let text = "";
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(
        block.split("\n").map((line) => line.match(/^(\w*): ?(.*)$/)!.slice(1)),
      );
      if (fields.event === undefined) continue;
      yield { event: fields.event, id: fields.id, data: JSON.parse(fields.data) };
    }
  }
}

/** The next event, or the next of that name. */
export async function next(events: AsyncGenerator<SentEvent>, name?: string): Promise<SentEvent> {
  while (true) {
    const { value, done } = await events.next();
    assert.ok(done !== true, `the stream ended before ${name}`);
    if (name === undefined || value.event === name) return value;
  }
}
