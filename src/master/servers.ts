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

/** The door for clients and workers: takes any call, and passes on what the leader must answer. */
export function newClientServer(
  options: MasterOptions,
  parts: {
    /** Answer here, or refuse. */
    readonly handlers: Handlers;
    readonly router: LeaderRouter;
    readonly forwardClient: ForwardClient;
    readonly health: HealthRegistry;
    readonly clusterView: () => ClusterView;
  },
): RpcServer {
  const { clientServer, raftTimings, barrierTimeoutMs } = options;
  const server = newServer(options, clientServer, parts.clusterView);
  server.add(
    MasterService,
    forwardingHandlers(parts.handlers, {
      router: parts.router,
      client: parts.forwardClient,
      leaderWaitMsMax: Math.max(
        barrierTimeoutMs,
        LEADER_WAIT_ELECTIONS * raftTimings.electionTimeoutMs,
      ),
    }),
  );
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
      log.error("a call failed by our fault", {
        method,
        error: failure instanceof Error ? failure.stack ?? failure.message : String(failure),
      }),
  });
}
