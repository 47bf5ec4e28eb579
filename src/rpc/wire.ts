/**
 * From protobuf descriptors to what grpc-js wants to know of a service.
 *
 * @module
 */

import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";

/** A message of any type, as it travels through grpc-js, which does not care which. */
export type AnyMessage = MessageShape<DescMessage>;

/** `/proto.MasterService/SubmitJob`: how gRPC, policies, metrics and audit logs name a method. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

const DEFINITIONS = new Map<DescMethod, MethodDefinition<AnyMessage, AnyMessage>>();

/** The grpc-js definition of one method, made once. */
export function methodDefinition(method: DescMethod): MethodDefinition<AnyMessage, AnyMessage> {
  let definition = DEFINITIONS.get(method);
  if (definition === undefined) {
    definition = define(method);
    DEFINITIONS.set(method, definition);
  }
  return definition;
}

function define(method: DescMethod): MethodDefinition<AnyMessage, AnyMessage> {
  const serialize = (schema: DescMessage) => (message: AnyMessage): Buffer => {
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const deserialize = (schema: DescMessage) => (bytes: Buffer): AnyMessage =>
    fromBinary(schema, bytes);
  return {
    path: methodPath(method),
    requestStream: method.methodKind === "client_streaming" ||
      method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" ||
      method.methodKind === "bidi_streaming",
    requestSerialize: serialize(method.input),
    requestDeserialize: deserialize(method.input),
    responseSerialize: serialize(method.output),
    responseDeserialize: deserialize(method.output),
  };
}

/** The grpc-js definition of a whole service, keyed by the methods' local names (`submitJob`). */
export function serviceDefinition(
  service: DescService,
): Record<string, MethodDefinition<AnyMessage, AnyMessage>> {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, methodDefinition(method)]),
  );
}
