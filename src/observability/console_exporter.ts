/**
 * OpenTelemetry's exporter `console`: spans as lines, for looking at what would be exported where there is
 * no collector. They go to stderr, since stdout is for answers.
 *
 * @module
 */

import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { SpanExporter } from "@opentelemetry/sdk-trace";
import { type SyncWriter, writeAll } from "./write_all.ts";

const LINE_FEED = 10;

/** A line a batch, as OTLP over HTTP has it in JSON, and collectors read it from files. */
export class ConsoleExporter implements SpanExporter {
  readonly #writer: SyncWriter;

  constructor(writer: SyncWriter = Deno.stderr) {
    this.#writer = writer;
  }

  export(...[spans, done]: Parameters<SpanExporter["export"]>): void {
    try {
      const message = JsonTraceSerializer.serializeRequest(spans) ?? new Uint8Array(0);
      const line = new Uint8Array(message.length + 1);
      line.set(message);
      line[message.length] = LINE_FEED;
      writeAll(this.#writer, line);
      done({ code: 0 });
    } catch (failure) {
      done({ code: 1, error: failure instanceof Error ? failure : new Error(String(failure)) });
    }
  }

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}
