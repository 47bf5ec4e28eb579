/**
 * Members of a cluster that forward to each other, over real sockets, with masters that are scripts.
 *
 * @module
 */

import { credentials } from "@grpc/grpc-js";
import { Router } from "../master/leader_router.ts";
import type { CallContext } from "./call.ts";
import { ForwardClient } from "./forward_client.ts";
import { forwardService } from "./forward_service.ts";
import { forwardingHandlers } from "./forwarding.ts";
import { ForwardService } from "./gen/forward_pb.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import type { MasterApi } from "./master_api.ts";
import { masterService } from "./master_service.ts";
import { scriptedMaster, startTestServer } from "./server_test_support.ts";

export interface Member extends AsyncDisposable {
  readonly router: Router;
  /** Where clients call it. */
  readonly address: string;
  readonly peerAddress: string;
  /** Ends it as a crash would. */
  die(): Promise<void>;
}

export interface MemberOptions {
  readonly name?: string;
  readonly clusterId?: string;
  readonly members?: readonly string[];
  readonly authorize?: (call: CallContext) => void;
  readonly connectionWaitMs?: number;
  /** Pause before a connection that failed dials again by itself. */
  readonly redialMs?: number;
  readonly untilServing?: () => Promise<void>;
  readonly peerPort?: number;
  /** What keeps it from leading. */
  readonly hindrance?: () => string | undefined;
}

export async function startMember(
  calls: Partial<MasterApi>,
  options: MemberOptions = {},
): Promise<Member> {
  const { name = "a", clusterId = "c", members = ["a", "b"], authorize = () => {} } = options;
  const { redialMs = 50, connectionWaitMs = 2_000, untilServing = () => Promise.resolve() } =
    options;
  const router = new Router(options.hindrance);
  const handlers = masterService(scriptedMaster(calls));
  const client = new ForwardClient({
    clusterId,
    nodeId: name,
    credentials: credentials.createInsecure(),
    connectionWaitMs,
    grpcOptions: { "grpc.initial_reconnect_backoff_ms": redialMs },
  });
  const clients = await startTestServer((server) =>
    server.add(
      MasterService,
      forwardingHandlers(handlers, { router, client, leaderWaitMsMax: 20_000 }),
    ), {
    gatekeeper: () => ({ userId: "alice", roles: ["operator", "viewer"] }),
    observer: { started: () => ({ traceparent: TRACE, ended: () => {} }) },
  });
  const peers = await startTestServer((server) =>
    server.add(
      ForwardService,
      forwardService(handlers, {
        clusterId,
        isMember: (nodeId) => members.includes(nodeId),
        authorize,
        untilServing,
      }),
    ), {
    port: options.peerPort ?? 0,
    observer: {
      started: (_method, parent) => ({ traceparent: `of ${parent}`, ended: () => {} }),
    },
  });
  const die = async () => {
    router.stop();
    client.close();
    await Promise.all([clients.server.stop(0), peers.server.stop(0)]);
  };
  return {
    router,
    address: clients.address,
    peerAddress: peers.address,
    die,
    [Symbol.asyncDispose]: die,
  };
}

/** What each call of a client is traced as. */
export const TRACE = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;

/** From now on `follower` takes `leader` for the one. */
export function follow(follower: Member, leader: Member): void {
  follower.router.turn({
    kind: "at",
    nodeId: "b",
    raftAddress: leader.peerAddress,
    grpcAddress: leader.address,
  });
}

/** A job of which nothing is said. */
export function jobView(id: string, status: string) {
  return {
    id,
    type: "noop",
    status,
    namespace: "default",
    priority: 5,
    assignedTo: "",
    createdAtMs: 1,
    retryCount: 0,
    maxRetries: 0,
    errorMessage: "",
    timeoutMs: 0,
    fencingToken: 0,
    attempt: 1,
    labels: {},
    deadLetter: false,
    traceparent: "",
    submittedBy: "",
    queue: "default",
  };
}
