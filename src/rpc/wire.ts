/**
 * From protobuf descriptors to what grpc-js wants to know of a service.
 *
 * @module
 */

import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import type { MethodDefinition } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { Refusal } from "./status.ts";

/** A message of any type, as it travels through grpc-js, which does not care which. */
export type AnyMessage = MessageShape<DescMessage>;

/** `/proto.MasterService/SubmitJob`: how gRPC, policies, metrics and audit logs name a method. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

const DEFINITIONS = new Map<DescMethod, MethodDefinition<AnyMessage, AnyMessage>>();

/** How a client calls one method; made once. */
export function methodDefinition(method: DescMethod): MethodDefinition<AnyMessage, AnyMessage> {
  let definition = DEFINITIONS.get(method);
  if (definition === undefined) {
    definition = {
      ...shapeOf(method),
      requestSerialize: (message) => bytesOf(method.input, message),
      requestDeserialize: (bytes) => fromBinary(method.input, bytes),
      responseSerialize: (message) => bytesOf(method.output, message),
      responseDeserialize: (bytes) => fromBinary(method.output, bytes),
    };
    DEFINITIONS.set(method, definition);
  }
  return definition;
}

/** A request as a server receives it; {@linkcode decoded} opens it. */
export type Received = AnyMessage | Undecodable;

/** What stands in for a request whose bytes are no message of its type. */
class Undecodable {
  readonly fault: string;

  constructor(fault: string) {
    this.fault = fault;
  }
}

/**
 * How a server serves a service, keyed by the methods' local names (`submitJob`). Decoding faults
 * reach our own code, and answers leave it as bytes, so that both get our words and our metrics;
 * grpc-js would call them INTERNAL.
 */
export function serverDefinition(
  service: DescService,
): Record<string, MethodDefinition<Received, Buffer>> {
  return Object.fromEntries(service.methods.map((method) => [method.localName, {
    ...shapeOf(method),
    requestSerialize: () => notOurs(),
    requestDeserialize: (bytes: Buffer) => received(method.input, bytes),
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: () => notOurs(),
  }]));
}

/** @throws Refusal `invalid` when the bytes were no such message. */
export function decoded(message: Received): AnyMessage {
  if (message instanceof Undecodable) throw new Refusal("invalid", message.fault);
  return message;
}

/** A message of the schema as bytes. @throws Error when a field's value does not fit its type. */
export function encoded(schema: DescMessage, message: MessageInitShape<DescMessage>): Buffer {
  return bytesOf(schema, create(schema, message));
}

/** @throws Refusal `invalid` when the bytes are no such message. */
export function messageOf(schema: DescMessage, bytes: Uint8Array): AnyMessage {
  return decoded(received(schema, bytes));
}

/**
 * Fields of one request, each element of a list counted. An empty message within a list takes two bytes on the wire and a
 * kilobyte in memory, so that four megabytes of them would hold a master up for a minute. No request has as many.
 */
const FIELDS_MAX = 50_000;

function received(schema: DescMessage, bytes: Uint8Array): Received {
  try {
    if (bytes.byteLength > 2 * FIELDS_MAX && hasMoreFields(bytes, FIELDS_MAX)) {
      return new Undecodable(
        `the request is a ${schema.typeName} of more than ${FIELDS_MAX} fields or list elements: ` +
          "send less at a time",
      );
    }
    return fromBinary(schema, bytes);
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure);
    return new Undecodable(`the request is no ${schema.typeName}: ${why}`);
  }
}

/** @throws Error when the bytes are no message */
function hasMoreFields(bytes: Uint8Array, max: number): boolean {
  const reader = new BinaryReader(bytes);
  for (let fields = 0; reader.pos < reader.len; fields++) {
    if (fields === max) return true;
    const [number, type] = reader.tag();
    reader.skip(type, number);
  }
  return false;
}

/** The inverse of {@linkcode messageOf}. */
export function bytesOf(schema: DescMessage, message: AnyMessage): Buffer {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function shapeOf(method: DescMethod) {
  const { methodKind } = method;
  return {
    path: methodPath(method),
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
  };
}

function notOurs(): never {
  throw new Error("invariant: a server neither sends requests nor reads answers");
}
