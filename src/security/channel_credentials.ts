import { type CallCredentials, ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import { isIP, type Socket } from "node:net";
import {
  connect as connectTls,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";

/** What a client shows, and what it asks of servers. */
export interface ChannelCredentialsOptions {
  /** PEM; undefined: the system's authorities. */
  readonly authoritiesPem: string | undefined;
  readonly certificatePem: string | undefined;
  readonly privateKeyPem: string | undefined;
  readonly skipVerify: boolean;
  readonly oldestTls: "TLSv1.3";
  /** What a server lacks to play its part, once its certificate was verified; undefined: nothing. */
  readonly faultOfServer?: ((socket: TLSSocket) => Error | undefined) | undefined;
}

/** A connection that ends sooner was refused. */
const REFUSAL_MS = 1_000;
/** Later, something else may be wrong. */
const FAULT_KEPT_MS = 5_000;

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;
type Target = Parameters<ChannelCredentials["_createSecureConnector"]>[0];

/**
 * TLS credentials of a client. grpc-js's own always announce the host that was dialled as the
 * server's name, and this runtime refuses an IP address there: a master could not be dialled by
 * address. These announce names only, and check an address against the certificate's addresses.
 */
export class TlsChannelCredentials extends ChannelCredentials {
  #options: ChannelCredentialsOptions;
  #context: SecureContext;
  /** By `host:port`. */
  readonly #faults = new Map<string, { readonly message: string; readonly atMs: number }>();
  /** Lends everything of a connector but its way to connect. */
  readonly #inner: ChannelCredentials;

  constructor(options: ChannelCredentialsOptions) {
    super();
    this.#options = options;
    this.#context = contextOf(options);
    this.#inner = ChannelCredentials.createFromSecureContext(this.#context);
  }

  /** Connections that are made from now on use this; those that stand go on. */
  replace(options: ChannelCredentialsOptions): void {
    this.#context = contextOf(options);
    this.#options = options;
  }

  /**
   * Why the last connection to `host:port` failed, or ended as soon as it was made; undefined: it did
   * not. grpc-js tells nobody.
   */
  faultAt(address: string): string | undefined {
    const fault = this.#faults.get(address);
    return fault !== undefined && performance.now() - fault.atMs < FAULT_KEPT_MS
      ? fault.message
      : undefined;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(
    target: Target,
    options: ChannelOptions,
    callCredentials?: CallCredentials,
  ): SecureConnector {
    const inner = this.#inner._createSecureConnector(target, options, callCredentials);
    const name = serverNameOf(target, options);
    return {
      connect: async (socket) => {
        try {
          const tlsSocket = await this.#connect(socket, name);
          this.#noteEnd(tlsSocket, target.path);
          return { socket: tlsSocket, secure: true };
        } catch (thrown) {
          this.#note(target.path, thrown instanceof Error ? thrown.message : String(thrown));
          throw thrown;
        }
      },
      waitForReady: () => inner.waitForReady(),
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
    };
  }

  async #connect(socket: Socket, name: string): Promise<TLSSocket> {
    // Asked at each connection: a channel lives longer than certificates do.
    const tlsSocket = await connected(socket, this.#connectionTo(name));
    const fault = this.#faultOfServer(tlsSocket);
    if (fault === undefined) return tlsSocket;
    tlsSocket.destroy();
    throw fault;
  }

  /** A server of TLS 1.3 says no to a client's certificate after the client's handshake is done. */
  #noteEnd(socket: TLSSocket, address: string): void {
    this.#faults.delete(address);
    const connectedMs = performance.now();
    const remedy = this.#options.certificatePem === undefined
      ? "it may want a client certificate (--cert and --key)"
      : "it may not accept this side's certificate";
    socket.once("close", () => {
      if (performance.now() - connectedMs > REFUSAL_MS) return;
      this.#note(address, `it ended the connection after the TLS handshake: ${remedy}`);
    });
  }

  #note(address: string, message: string): void {
    this.#faults.set(address, { message, atMs: performance.now() });
  }

  #connectionTo(name: string): ConnectionOptions {
    const { skipVerify } = this.#options;
    return {
      secureContext: this.#context,
      host: name,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ALPNProtocols: ["h2"],
      rejectUnauthorized: !skipVerify,
      ...(skipVerify ? { checkServerIdentity: () => undefined } : {}),
    };
  }

  /** Whether the server may play its part, once its certificate has been verified. */
  #faultOfServer(socket: TLSSocket): Error | undefined {
    const { faultOfServer, skipVerify } = this.#options;
    if (faultOfServer === undefined || skipVerify) return undefined;
    return faultOfServer(socket);
  }
}

function contextOf(options: ChannelCredentialsOptions): SecureContext {
  return createSecureContext({
    minVersion: options.oldestTls,
    ...(options.authoritiesPem === undefined ? {} : { ca: options.authoritiesPem }),
    ...(options.certificatePem === undefined ? {} : { cert: options.certificatePem }),
    ...(options.privateKeyPem === undefined ? {} : { key: options.privateKeyPem }),
  });
}

/** The name or address that the server must prove: `server_name`, else what was dialled. */
function serverNameOf(target: Target, options: ChannelOptions): string {
  const override = options["grpc.ssl_target_name_override"];
  if (typeof override === "string" && override !== "") return override;
  // Through an HTTP proxy the target is the proxy, and this says who lies behind it.
  const behindProxy = options["grpc.http_connect_target"];
  const path = typeof behindProxy === "string"
    ? behindProxy.replace(/^(dns|ipv4|ipv6):(\/\/[^/]*\/)?/, "")
    : target.path;
  return hostOf(path.split(",")[0] ?? "");
}

/** `host` of `host:port`, `[v6]:port`, `v6` or `host`. */
function hostOf(path: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(path)?.[1];
  if (bracketed !== undefined) return bracketed;
  return isIP(path) === 6 ? path : path.replace(/:\d+$/, "");
}

/** A verified TLS connection over a TCP one. Rejects with what went wrong, never hangs. */
function connected(socket: Socket, connection: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error("the connection was closed during the TLS handshake"));
    const tlsSocket = connectTls({ ...connection, socket }, () => {
      tlsSocket.removeListener("close", onClose);
      if (connection.rejectUnauthorized === false || tlsSocket.authorized) resolve(tlsSocket);
      else {
        tlsSocket.destroy();
        reject(tlsSocket.authorizationError ?? new Error("the server's certificate was refused"));
      }
    });
    tlsSocket.once("close", onClose);
    // Stays for the connection's life: an error without a listener would end the process.
    tlsSocket.on("error", reject);
  });
}
