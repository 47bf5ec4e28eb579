/**
 * The gRPC port of a worker, where masters may bring jobs to it.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import {
  createRpcObserver,
  type RootLogger,
  type Tracer,
  type WorkerMetrics,
} from "../observability/mod.ts";
import { PortError, STREAMING_METHODS, type WorkerApi } from "../rpc/mod.ts";
import { startWorkerGrpc } from "../worker/mod.ts";
import { advertised } from "./addresses.ts";
import { clientServerSetup } from "./node_doors.ts";
import { type NodeSecurity, workerSecurity } from "./node_security.ts";
import type { NodeTls } from "./node_tls.ts";

interface Parts {
  readonly tls: NodeTls;
  readonly log: RootLogger;
  readonly tracer: Tracer;
  readonly metrics: WorkerMetrics;
}

/** A worker that serves. */
export interface WorkerDoor {
  /** Where masters reach it. */
  readonly address: string;
  readonly security: Pick<NodeSecurity, "peers" | "pages" | "audit" | "takeKeys">;
  close(): Promise<void>;
}

/** How long calls may go on when the worker stops, in ms. */
const STOP_GRACE_MS = 1_000;

/**
 * Opens the door; undefined where `grpc.worker_port` is 0.
 *
 * @throws PortError, SecurityConfigurationError
 */
export async function openWorkerDoor(
  loaded: LoadedConfig,
  worker: WorkerApi,
  { tls, log, tracer, metrics }: Parts,
): Promise<WorkerDoor | undefined> {
  const { config } = loaded;
  const port = config.grpc.workerPort;
  if (port === 0) return undefined;
  const security = await workerSecurity(loaded, tls, {
    warn: (text) => log.warn(text),
    metrics,
  });
  const observer = createRpcObserver({
    metrics: metrics.rpc,
    tracer,
    log,
    streamingMethods: STREAMING_METHODS,
  });
  const setup = { messageBytesMax: config.grpc.maxMsgSizeBytes, observer };
  const host = config.worker.bindHost;
  try {
    const server = await startWorkerGrpc(worker, {
      ...clientServerSetup(security, setup, metrics, "worker"),
      host,
      port,
      log,
    });
    return {
      security,
      address: advertised(config.worker.advertiseAddr, host, server.port),
      async close() {
        await server.stop(STOP_GRACE_MS);
        tls.flushRefusals();
        security.audit?.close();
      },
    };
  } catch (failure) {
    security.audit?.close();
    if (!(failure instanceof PortError) || !isLeftOpen(loaded)) throw failure;
    log.warn("this worker serves no WorkerService, and works without it", {
      reason: failure.message,
    });
    return undefined;
  }
}

/**
 * In development several workers share a host, and nobody chose the port: the second worker does
 * without it, as it can, since it gets its jobs on its session.
 */
function isLeftOpen({ profile, sources }: LoadedConfig): boolean {
  const source = sources["grpc.worker_port"];
  const isShipped = source === undefined || source.kind === "default" ||
    source.kind === "profile" || source.kind === "file" && source.shipped;
  return profile === "development" && isShipped;
}
