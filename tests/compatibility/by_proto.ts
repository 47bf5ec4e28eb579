/**
 * gRPC clients and servers from .proto files alone, by the loader that others use: nothing of
 * `src/rpc` takes part, so that a mistake there cannot hide itself.
 *
 * @module
 */

import {
  Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  type ServiceDefinition,
  type ServiceError,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";

/** A message as the loader gives it: field names as in the .proto, numbers for 64 bits. */
export type Fields = Readonly<Record<string, unknown>>;

/** How long a server may take to come (back), in ms. */
const PATIENCE_MS = 30_000;

/** Metadata of a call. */
export type CallHeaders = Readonly<Record<string, string>>;

/** The original system's files, and ours. */
export const ORIGINAL_PROTO = fileURLToPath(new URL("original_proto", import.meta.url));
export const OUR_PROTO = fileURLToPath(new URL("../../proto", import.meta.url));

/** A service of `package proto`, read from the files of a directory. */
export function serviceOf(
  directory: string,
  name: "MasterService" | "WorkerService",
): ServiceDefinition {
  const file = name === "MasterService" ? "scheduler.proto" : "worker.proto";
  return serviceIn(directory, file, `proto.${name}`);
}

/** A service by its full name, read from a file below `directory`. */
export function serviceIn(directory: string, file: string, fullName: string): ServiceDefinition {
  const loaded = loadPackageDefinition(loadSync(file, {
    includeDirs: [directory],
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
  }));
  const found = fullName.split(".").reduce<GrpcObject | ServiceClientConstructor>(
    (at, part) => (at as GrpcObject)[part] as GrpcObject | ServiceClientConstructor,
    loaded,
  );
  return (found as ServiceClientConstructor).service;
}

/** Calls of one service at one address. */
export class ProtoClient {
  readonly #client: Client;
  readonly #service: ServiceDefinition;

  constructor(
    service: ServiceDefinition,
    address: string,
    channelCredentials = credentials.createInsecure(),
  ) {
    this.#service = service;
    this.#client = new Client(address, channelCredentials);
  }

  /**
   * One unary call, by the method's name in the .proto, once the server is there. Rejects with
   * grpc-js's ServiceError.
   */
  async call(method: string, request: Fields = {}, headers: CallHeaders = {}): Promise<Fields> {
    const definition = this.#service[method] as MethodDefinition<Fields, Fields> | undefined;
    if (definition === undefined) throw new Error(`there is no method ${method}`);
    await new Promise<void>((resolve, reject) =>
      this.#client.waitForReady(
        Date.now() + PATIENCE_MS,
        (failure) => failure === undefined ? resolve() : reject(failure),
      )
    );
    return await new Promise((resolve, reject) =>
      this.#client.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        request,
        Metadata.fromHttp2Headers(headers),
        (failure: ServiceError | null, answer?: Fields) =>
          failure === null ? resolve(answer ?? {}) : reject(failure),
      )
    );
  }

  /** The first answer to the first message of a bidirectional call. */
  ask(method: string, request: Fields): Promise<Fields> {
    const definition = this.#service[method] as MethodDefinition<Fields, Fields>;
    return new Promise((resolve, reject) => {
      const stream = this.#client.makeBidiStreamRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
      );
      stream.on("data", (answer: Fields) => {
        resolve(answer);
        stream.end();
      });
      stream.on("error", reject);
      stream.write(request);
    });
  }

  close(): void {
    this.#client.close();
  }
}

/** A server of one service on a free port of loopback. */
export async function serve(
  service: ServiceDefinition,
  implementation: UntypedServiceImplementation,
  serverCredentials = ServerCredentials.createInsecure(),
): Promise<{ readonly address: string; stop(): void }> {
  const server = new Server();
  server.addService(service, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      serverCredentials,
      (failure, bound) => failure === null ? resolve(bound) : reject(failure),
    )
  );
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}
