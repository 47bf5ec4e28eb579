/**
 * OTLP's binary form of spans, read by the field numbers of its specification
 * (opentelemetry/proto/trace/v1/trace.proto) without the library that writes it. For tests.
 */

import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import type { ReceivedSpan } from "./otlp_receiver_test_support.ts";

/** What one export holds of one process. */
export interface ReceivedBatch {
  readonly resource: { readonly attributes: ReceivedSpan["attributes"] };
  readonly spans: readonly ReceivedSpan[];
}

type Fields = Map<number, (Uint8Array | number | bigint)[]>;

/** The spans of an `ExportTraceServiceRequest`. */
export function readTraceRequest(bytes: Uint8Array): ReceivedBatch[] {
  return messages(fieldsOf(bytes), 1).map((resourceSpans) => ({
    resource: { attributes: attributes(messages(resourceSpans, 1)[0] ?? new Map(), 1) },
    spans: messages(resourceSpans, 2).flatMap((scope) => messages(scope, 2)).map(spanOf),
  }));
}

function spanOf(span: Fields): ReceivedSpan {
  const parentSpanId = hex(span, 4);
  const status = messages(span, 15)[0] ?? new Map();
  const message = text(status, 2);
  return {
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    ...(parentSpanId === "" ? {} : { parentSpanId }),
    name: text(span, 5),
    kind: Number(span.get(6)?.[0] ?? 0),
    startTimeUnixNano: String(span.get(7)?.[0] ?? 0),
    endTimeUnixNano: String(span.get(8)?.[0] ?? 0),
    attributes: attributes(span, 9),
    events: messages(span, 11).map((event) => ({ name: text(event, 2) })),
    status: { code: Number(status.get(3)?.[0] ?? 0), ...(message === "" ? {} : { message }) },
  };
}

function attributes(from: Fields, field: number): ReceivedSpan["attributes"] {
  return messages(from, field).map((pair) => ({
    key: text(pair, 1),
    value: valueOf(messages(pair, 2)[0] ?? new Map()),
  }));
}

/** `AnyValue`, as far as our spans have it. */
function valueOf(any: Fields): Record<string, unknown> {
  if (any.has(1)) return { stringValue: text(any, 1) };
  if (any.has(2)) return { boolValue: any.get(2)?.[0] !== 0n };
  if (any.has(3)) return { intValue: Number(any.get(3)?.[0]) };
  return { doubleValue: any.get(4)?.[0] };
}

function messages(from: Fields, field: number): Fields[] {
  return (from.get(field) ?? []).map((each) => fieldsOf(each as Uint8Array));
}

function text(from: Fields, field: number): string {
  return new TextDecoder().decode(from.get(field)?.[0] as Uint8Array | undefined);
}

function hex(from: Fields, field: number): string {
  return (from.get(field)?.[0] as Uint8Array | undefined)?.toHex() ?? "";
}

function fieldsOf(bytes: Uint8Array): Fields {
  const fields: Fields = new Map();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const values = fields.get(field) ?? [];
    fields.set(field, values);
    switch (type) {
      case WireType.LengthDelimited:
        values.push(reader.bytes());
        break;
      case WireType.Varint:
        values.push(BigInt(reader.uint64()));
        break;
      case WireType.Bit64:
        // Times are whole numbers; among the values of attributes there are fractions.
        values.push(field === 4 ? reader.double() : BigInt(reader.fixed64()));
        break;
      case WireType.Bit32:
        values.push(reader.fixed32());
        break;
      default:
        throw new Error(`OTLP has no wire type ${type}`);
    }
  }
  return fields;
}
