/**
 * The standard reflection service, v1 and v1alpha, so that grpcurl and the like need no .proto:
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 *
 * @module
 */

import { type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { ServerReflection } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";
import type { RpcServer } from "./server.ts";

/** Adds reflection of `services` (and of reflection itself) to a server. */
export function serveReflection(server: RpcServer, services: readonly DescService[]): void {
  const directory = new DescriptorDirectory([...services, ServerReflection, ServerReflectionAlpha]);
  server.add(ServerReflection, {
    serverReflectionInfo: (stream) => {
      stream.onMessage((request) => {
        stream.write({
          validHost: request.host,
          originalRequest: request,
          messageResponse: directory.answer(request.messageRequest),
        });
      });
    },
  });
  server.add(ServerReflectionAlpha, {
    serverReflectionInfo: (stream) => {
      stream.onMessage((request) => {
        stream.write({
          validHost: request.host,
          originalRequest: request,
          messageResponse: directory.answer(request.messageRequest),
        });
      });
    },
  });
}

/** The part of a request that asks; the same in both versions. */
type Question =
  | { case: "fileByFilename" | "fileContainingSymbol" | "listServices"; value: string }
  | { case: "allExtensionNumbersOfType"; value: string }
  | { case: "fileContainingExtension"; value: { containingType: string } }
  | { case: undefined; value?: undefined };

type Answer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | {
    case: "allExtensionNumbersResponse";
    value: { baseTypeName: string; extensionNumber: number[] };
  }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

class DescriptorDirectory {
  readonly #serviceNames: string[];
  readonly #files = new Map<string, DescFile>();
  readonly #fileOfSymbol = new Map<string, DescFile>();

  constructor(services: readonly DescService[]) {
    this.#serviceNames = services.map((service) => service.typeName).sort();
    for (const service of services) this.#addFile(service.file);
  }

  answer(question: Question): Answer {
    switch (question.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: this.#serviceNames.map((name) => ({ name })) },
        };
      case "fileByFilename":
        return this.#fileAnswer(this.#files.get(question.value), `file "${question.value}"`);
      case "fileContainingSymbol":
        return this.#fileAnswer(
          this.#fileOfSymbol.get(question.value),
          `symbol "${question.value}"`,
        );
      case "allExtensionNumbersOfType":
        return this.#fileOfSymbol.has(question.value)
          ? {
            case: "allExtensionNumbersResponse",
            value: { baseTypeName: question.value, extensionNumber: [] },
          }
          : notFound(`type "${question.value}"`);
      case "fileContainingExtension":
        return notFound(`an extension of "${question.value.containingType}"`);
      case undefined:
        return {
          case: "errorResponse",
          value: { errorCode: status.INVALID_ARGUMENT, errorMessage: "the request asks nothing" },
        };
    }
  }

  #fileAnswer(file: DescFile | undefined, sought: string): Answer {
    if (file === undefined) return notFound(sought);
    const fileDescriptorProto = withDependencies(file).map((each) =>
      toBinary(FileDescriptorProtoSchema, each.proto)
    );
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
  }

  #addFile(file: DescFile): void {
    const fileName = file.proto.name;
    if (this.#files.has(fileName)) return;
    this.#files.set(fileName, file);
    for (const service of file.services) {
      this.#fileOfSymbol.set(service.typeName, file);
      for (const method of service.methods) {
        this.#fileOfSymbol.set(`${service.typeName}.${method.name}`, file);
      }
    }
    const pending = [...file.messages];
    for (let message = pending.pop(); message !== undefined; message = pending.pop()) {
      this.#fileOfSymbol.set(message.typeName, file);
      for (const field of message.fields) {
        this.#fileOfSymbol.set(`${message.typeName}.${field.name}`, file);
      }
      pending.push(...message.nestedMessages);
      for (const inner of message.nestedEnums) this.#fileOfSymbol.set(inner.typeName, file);
    }
    for (const each of file.enums) this.#fileOfSymbol.set(each.typeName, file);
    for (const dependency of file.dependencies) this.#addFile(dependency);
  }
}

function notFound(sought: string): Answer {
  return {
    case: "errorResponse",
    value: { errorCode: status.NOT_FOUND, errorMessage: `${sought} is not known here` },
  };
}

/** The file first, and each before all that it needs. */
function withDependencies(file: DescFile): DescFile[] {
  const found = new Map<string, DescFile>();
  const visit = (each: DescFile) => {
    if (found.has(each.proto.name)) return;
    each.dependencies.forEach(visit);
    found.set(each.proto.name, each);
  };
  visit(file);
  return [...found.values()].reverse();
}
