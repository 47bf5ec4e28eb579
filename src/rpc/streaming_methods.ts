/**
 * Which calls are streams: their length says how long somebody stayed, not how long an answer took.
 *
 * @module
 */

import { ForwardService } from "./gen/forward_pb.ts";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as OldServerReflection } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { FoundingService, RaftService } from "./gen/raft_pb.ts";
import { MasterService } from "./gen/scheduler_pb.ts";
import { WorkerService } from "./gen/worker_pb.ts";
import { methodPath } from "./wire.ts";

const SERVICES = [
  ...[MasterService, WorkerService, RaftService, ForwardService, FoundingService],
  ...[Health, ServerReflection, OldServerReflection],
];

/** Full names of the streaming methods of all that nodes serve. */
export const STREAMING_METHODS: ReadonlySet<string> = new Set(
  SERVICES.flatMap(({ methods }) =>
    methods.filter(({ methodKind }) => methodKind !== "unary").map(methodPath)
  ),
);
