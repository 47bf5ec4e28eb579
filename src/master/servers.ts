/**
 * A master's two doors: one for clients and workers, one for the other masters.
 *
 * @module
 */

import {
  type ClusterView,
  type ForwardClient,
  forwardingHandlers,
  ForwardService,
  forwardService,
  type ForwardServiceOptions,
  FoundingService,
  foundingService,
  Health,
  type HealthRegistry,
  type Introduction,
  type IntroductionAnswer,
  type LeaderRouter,
  MasterService,
  type PeerListener,
  RaftService,
  raftService,
  RpcServer,
  serveReflection,
  type ServerSetup,
  type ServiceHandlers,
} from "../rpc/mod.ts";
import type { MasterOptions } from "./options.ts";

type Handlers = ServiceHandlers<typeof MasterService>;

/** How many election timeouts a call may wait for a leader. */
const LEADER_WAIT_ELECTIONS = 3;

/** Handlers that answer here, or pass on what the leader must answer. */
export function answeringAnywhere(
  { raftTimings, barrierTimeoutMs }: MasterOptions,
  parts: {
    /** Answer here, or refuse. */
    readonly handlers: Handlers;
    readonly router: LeaderRouter;
    readonly forwardClient: ForwardClient;
  },
): Handlers {
  return forwardingHandlers(parts.handlers, {
    router: parts.router,
    client: parts.forwardClient,
    leaderWaitMsMax: Math.max(
      barrierTimeoutMs,
      LEADER_WAIT_ELECTIONS * raftTimings.electionTimeoutMs,
    ),
  });
}

/** The door for clients and workers: takes any call. */
export function newClientServer(
  options: MasterOptions,
  parts: {
    /** From {@linkcode answeringAnywhere}. */
    readonly handlers: Handlers;
    readonly health: HealthRegistry;
    readonly clusterView: () => ClusterView;
  },
): RpcServer {
  const server = newServer(options, options.clientServer, parts.clusterView);
  server.add(MasterService, parts.handlers);
  parts.health.serveOn(server);
  serveReflection(server, [MasterService, Health]);
  return server;
}

/** The door for the other masters: what comes through it is answered here or not at all. */
export function newPeerServer(
  options: MasterOptions,
  parts: {
    readonly clusterId: string;
    readonly handlers: Handlers;
    readonly listener: PeerListener;
    readonly introduction: (asker: Introduction) => IntroductionAnswer;
    readonly isMember: ForwardServiceOptions["isMember"];
    readonly untilServing: ForwardServiceOptions["untilServing"];
  },
): RpcServer {
  const { clusterId, handlers, listener, introduction, isMember, untilServing } = parts;
  const server = newServer(options, options.peerServer);
  server.add(RaftService, raftService(clusterId, listener));
  server.add(FoundingService, foundingService(introduction));
  server.add(
    ForwardService,
    forwardService(handlers, {
      clusterId,
      isMember,
      authorize: options.authorizeForwarded,
      untilServing,
    }),
  );
  return server;
}

function newServer(
  { log }: MasterOptions,
  setup: ServerSetup,
  clusterView?: () => ClusterView,
): RpcServer {
  return new RpcServer({
    ...setup,
    ...(clusterView === undefined ? {} : { clusterView }),
    newRequestId: () => crypto.randomUUID(),
    onInternalError: (method, failure) =>
      log.error("a call failed with an internal error", {
        method,
        error: failure instanceof Error ? failure.stack ?? failure.message : String(failure),
      }),
  });
}
