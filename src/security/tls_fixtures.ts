/** A server, its authority and clients of every quality, for this room's tests. Not part of its door. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  Client,
  connectivityState,
  Metadata,
  Server,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import {
  AuthorityFixture,
  type PemPair,
  temporaryDirectory,
  writePair,
} from "./certificate_fixtures.ts";
import type { ConnectionWatch } from "./connection_watch.ts";
import type { TlsSource } from "./live_tls.ts";
import type { ChannelRules } from "./server_judge.ts";
import type { PeerVerdict, PeerVerifier } from "./peer_verification.ts";
import { loadTls, type TlsMaterial, type TlsOptions } from "./tls.ts";
import {
  channelOptions,
  createChannelCredentials,
  createPeerVerifier,
  createServerCredentials,
  secureServer,
} from "./tls_doors.ts";

export const METHOD = "/test.Echo/Echo";

export function tlsOptions(overrides: Partial<TlsOptions>): TlsOptions {
  return {
    section: "security.tls",
    profile: "staging",
    enabled: true,
    certFile: "",
    keyFile: "",
    caFile: "",
    serverName: "",
    skipVerify: false,
    autoGenerate: false,
    generatedDir: "",
    purpose: "server",
    commonName: "node-1",
    role: "master",
    ...overrides,
  };
}

export async function loaded(overrides: Partial<TlsOptions>): Promise<TlsMaterial> {
  const material = await loadTls(tlsOptions(overrides));
  assert.ok(material !== null);
  return material;
}

/** A gRPC server with one method, which answers with the common name its verifier established. */
export class EchoServer implements AsyncDisposable {
  readonly refused: string[] = [];
  /** Who was refused, each by its address. */
  readonly peers: string[] = [];
  readonly verdicts: PeerVerdict[] = [];
  readonly #server: Server;
  port = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(
    material: TlsSource,
    defences: {
      guard: boolean;
      verifier: PeerVerifier | null;
      nowMs?: () => number;
      watch?: ConnectionWatch;
    },
  ): Promise<EchoServer> {
    const server = new Server();
    const echo = new EchoServer(server);
    if (defences.guard) {
      const { verifier, watch } = defences;
      secureServer(
        server,
        material,
        (peer, reason) => {
          echo.refused.push(reason);
          echo.peers.push(peer);
        },
        watch === undefined ? undefined : { watch, verifier },
      );
    }
    server.addService({
      echo: {
        path: METHOD,
        requestStream: false,
        responseStream: false,
        requestSerialize: (value: Buffer) => value,
        requestDeserialize: (value: Buffer) => value,
        responseSerialize: (value: Buffer) => value,
        responseDeserialize: (value: Buffer) => value,
      },
    }, {
      echo: (
        call: { getAuthContext(): { sslPeerCertificate?: { raw: Uint8Array } } },
        callback: (failure: Partial<ServiceError> | null, value?: Buffer) => void,
      ) => {
        if (defences.verifier === null) return callback(null, Buffer.from("unchecked"));
        const der = call.getAuthContext().sslPeerCertificate?.raw;
        const verdict = defences.verifier.verify(der, defences.nowMs?.() ?? Date.now());
        echo.verdicts.push(verdict);
        if (verdict.ok) callback(null, Buffer.from(verdict.identity.commonName));
        else callback({ code: status.UNAUTHENTICATED, details: verdict.message });
      },
    });
    echo.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(
        "127.0.0.1:0",
        createServerCredentials(material),
        (failure, port) => failure === null ? resolve(port) : reject(failure),
      );
    });
    return echo;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.forceShutdown();
      resolve();
    });
  }
}

export type Answer = { readonly answer: string } | {
  readonly code: number;
  readonly details: string;
};

/** One unary call over a connection of its own. */
export async function call(
  port: number,
  material: TlsSource | null,
  host = "localhost",
): Promise<Answer> {
  using caller = new Caller(port, material, { host });
  return await caller.call();
}

/** Makes calls over one channel. */
export class Caller implements Disposable {
  readonly #client: Client;

  constructor(
    port: number,
    material: TlsSource | null,
    { host = "localhost", rules = {} }: { host?: string; rules?: ChannelRules } = {},
  ) {
    this.#client = new Client(
      `${host}:${port}`,
      createChannelCredentials(material, rules),
      { ...channelOptions(material), "grpc.use_local_subchannel_pool": 1 },
    );
  }

  call(): Promise<Answer> {
    return new Promise<Answer>((resolve) => {
      this.#client.makeUnaryRequest(
        METHOD,
        (value: Buffer) => value,
        (value: Buffer) => value,
        Buffer.from("hello"),
        new Metadata(),
        { deadline: Date.now() + 20_000 },
        (failure, value) =>
          resolve(
            failure === null
              ? { answer: String(value) }
              : { code: failure.code, details: failure.details },
          ),
      );
    });
  }

  get isConnected(): boolean {
    return this.#client.getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  /** Resolves when the connection has broken, as this side sees it. */
  async disconnected(): Promise<void> {
    const channel = this.#client.getChannel();
    while (this.isConnected) {
      await new Promise<void>((resolve, reject) =>
        channel.watchConnectivityState(
          connectivityState.READY,
          Date.now() + 20_000,
          (failure) => failure === undefined ? resolve() : reject(failure),
        )
      );
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** A cluster's authority, a server under it, and what it takes to be a client of it. */
export class Bench implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();

  private constructor(
    readonly directory: string,
    readonly authority: AuthorityFixture,
    readonly material: TlsMaterial,
  ) {}

  static async create(overrides: Partial<TlsOptions> = {}): Promise<Bench> {
    const temporary = await temporaryDirectory();
    const authority = await AuthorityFixture.create("cluster authority");
    const files = await writePair(
      temporary.path,
      "server",
      await authority.issue({ commonName: "master-1", roles: ["master"] }),
      authority.pem,
    );
    const bench = new Bench(
      temporary.path,
      authority,
      await loaded({ ...files, ...overrides }),
    );
    bench.#stack.use(temporary);
    return bench;
  }

  /** @param defences which of the two are up, and the verifier's clock */
  async serve(
    defences: { guard: boolean; verify: boolean; nowMs?: () => number },
  ): Promise<EchoServer> {
    const verifier = defences.verify ? createPeerVerifier(this.material) : null;
    return this.#stack.use(await EchoServer.start(this.material, { ...defences, verifier }));
  }

  /** Material of a client with the given pair, trusting this cluster; bypasses the checks of
   * `loadTls`, as a client that means no good would. */
  async client(pair: PemPair | null): Promise<TlsMaterial> {
    const files = { certFile: "", keyFile: "", caFile: this.#path("client-ca.crt") };
    await Deno.writeTextFile(files.caFile, this.authority.pem);
    const bare = await loaded({ ...files, purpose: "client" });
    return pair === null ? bare : { ...bare, certificatePem: pair.cert, privateKeyPem: pair.key };
  }

  #path(name: string): string {
    return `${this.directory}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
