import assert from "node:assert/strict";
import { ConsoleExporter } from "./console_exporter.ts";
import { createOtlpTracer } from "./otlp_tracer.ts";
import { tracerOptions } from "./otlp_receiver_test_support.ts";

/** What two spans come to, by a stream that `write` takes the bytes of. */
async function told(write: (bytes: Uint8Array) => void): Promise<(string | undefined)[]> {
  const failures: (string | undefined)[] = [];
  const tracer = createOtlpTracer(
    tracerOptions({
      exporters: ["console"],
      onExport: (failure) => failures.push(failure?.message),
    }),
    new ConsoleExporter({
      writeSync(bytes) {
        write(bytes);
        return bytes.length;
      },
    }),
  );
  const parent = tracer.startSpan("outer");
  tracer.startSpan("inner", { parent: parent.traceparent }).end();
  parent.end();
  await tracer.shutdown();
  return failures;
}

Deno.test("spans go to the console as a line of OTLP's JSON", async () => {
  let written = "";
  await told((bytes) => written += new TextDecoder().decode(bytes));
  assert.equal(written.indexOf("\n"), written.length - 1);
  const { resourceSpans: [{ scopeSpans: [{ spans }] }] } = JSON.parse(written);
  assert.deepEqual(spans.map(({ name }: { name: string }) => name), ["inner", "outer"]);
  assert.equal(spans[0].parentSpanId, spans[1].spanId);
});

Deno.test("a console that takes no spans is told of, and ends nothing", async () => {
  const failures = await told(() => {
    throw new Error("No space left on device");
  });
  assert.equal(failures.length, 1);
  assert.match(failures[0]!, /^spans cannot be written to stderr: .*No space left on device/);
});
