/**
 * The gRPC side of a worker: `WorkerService`, on which jobs can be brought to it, with health and
 * reflection as a master has them.
 *
 * @module
 */

import type { Logger } from "../observability/mod.ts";
import {
  bound,
  Health,
  HealthRegistry,
  RpcServer,
  serveReflection,
  type ServerSetup,
  type WorkerApi,
  WorkerService,
  workerService,
} from "../rpc/mod.ts";
export interface WorkerGrpcOptions extends ServerSetup {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly log: Logger;
}

/** A listening worker. */
export interface WorkerGrpc {
  readonly port: number;
  /** Takes no more calls, and lets those under way finish for `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts to serve.
 *
 * @throws PortError with a message for the operator.
 */
export async function startWorkerGrpc(
  worker: WorkerApi,
  { host, port, log, ...setup }: WorkerGrpcOptions,
): Promise<WorkerGrpc> {
  const server = new RpcServer({
    ...setup,
    newRequestId: () => crypto.randomUUID(),
    onInternalError: (method, failure) =>
      log.error("a call failed with an internal error", { method, error: failure }),
  });
  const health = new HealthRegistry([WorkerService.typeName]);
  server.add(WorkerService, workerService(worker));
  health.serveOn(server);
  serveReflection(server, [WorkerService, Health]);
  const boundPort = await bound(server, { host, port }, {
    host: "worker.bind_host (--bind-host)",
    port: "grpc.worker_port (--grpc-port)",
  });
  health.setServing(true);
  log.info("worker listens", { grpc: `${host}:${boundPort}` });
  return {
    port: boundPort,
    stop(graceMs) {
      health.setServing(false);
      return server.stop(graceMs);
    },
  };
}
