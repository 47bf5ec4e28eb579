/**
 * Reads server-sent events as a browser does.
 *
 * @module
 */

import assert from "node:assert/strict";

/** An event as a browser reads it. */
export interface SentEvent {
  readonly event: string;
  readonly id: string | undefined;
  // deno-lint-ignore no-explicit-any -- JSON of whatever event it is
  readonly data: any;
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
