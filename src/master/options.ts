/**
 * What a master is made from. `src/cli` fills it from the configuration.
 *
 * @module
 */

import type { JobTypeRegistry } from "../job_types/mod.ts";
import type { TrustView } from "../jobs/mod.ts";
import type { Logger, Tracer } from "../observability/mod.ts";
import type {
  CallContext,
  ChannelOptions,
  PeerTransportOptions,
  ServerSetup,
  WorkerCallerOptions,
} from "../rpc/mod.ts";
import type {
  AuditEvent,
  LivePolicies,
  TokenIssuerOptions,
  TokenVerifier,
} from "../security/mod.ts";
import type { AdmissionRules } from "./admission.ts";
import type { LeaderTimings } from "./leader.ts";
import type { DeadServerPolicy } from "./members.ts";
import type { MasterObserver } from "./observer.ts";
import type { RetentionRules } from "./retention.ts";
import type { SchedulingRules } from "./scheduling_rules.ts";

/** Where a server listens, and where others reach it. */
export interface Listen {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** `host:port` told to others; without it the host and the port that were bound. */
  readonly advertise?: string;
}

/** How a person changes where a master listens, for errors. */
export const LISTEN_SETTINGS = {
  raft: { host: "cluster.bind_addr (--bind-addr)", port: "cluster.bind_addr (--bind-addr)" },
  grpc: {
    host: "cluster.grpc_bind_host (--grpc-bind-host)",
    port: "grpc.master_port (--grpc-port)",
  },
} as const;

/** How a node without data gets its cluster. */
export type Founding =
  /** It founds one and is its first member. */
  | { readonly kind: "bootstrap" }
  /** It asks members to let it in, whichever of `addresses` answers, until it is. */
  | { readonly kind: "join"; readonly addresses: readonly string[] }
  /** It starts together with others, all of which name the same members (`id` to Raft address). */
  | { readonly kind: "static"; readonly members: Readonly<Record<string, string>> }
  /** It does not: it has data, or nothing to do. */
  | { readonly kind: "none" };

/** Something that was done to the cluster, for the audit log. */
export interface AuditedAct {
  readonly act: string;
  readonly target: string;
  /** Where the target is; absent: it is in none. */
  readonly namespace?: string;
  readonly outcome: "done" | "refused" | "failed";
  readonly userId: string;
  readonly detail?: string;
  /** Absent: the cluster did it by itself. */
  readonly call?: {
    readonly method: string;
    readonly requestId: string;
    /** Those that the caller's token is for; absent: all. */
    readonly namespaces?: readonly string[];
  };
}

/** What tokens are issued and checked with, and the policy that holds. */
export interface TokenParts {
  readonly signer: TokenIssuerOptions;
  /** Null: there is no key to check tokens with. */
  readonly verifier: TokenVerifier | null;
  readonly policies: LivePolicies;
  readonly rolesAreEnforced: boolean;
  /** Lives of tokens, where nobody says otherwise, in ms. */
  readonly accessTtlMs: number;
  readonly refreshTtlMs: number;
  readonly audit: (event: TokenEvent) => void;
}

/** What the audit log says of tokens, as the original did, and of workers that speak for others. */
export type TokenEvent = Extract<
  AuditEvent,
  {
    readonly kind:
      | "tokens_issued"
      | "token_refreshed"
      | "token_revoked"
      | "authorization_failed";
  }
>;

export interface MasterOptions {
  readonly nodeId: string;
  readonly version: string;
  readonly raftDir: string;
  readonly dataDir: string;
  readonly founding: Founding;
  /**
   * Awaited on an empty directory once this node's own ports are held, before anything is written or
   * said to others: the place to fail for all else that a start needs, such as the ports of pages.
   */
  readonly beforeFounding: () => Promise<unknown>;
  readonly grpc: Listen;
  readonly raft: Listen;
  /** Ends the waiting for a cluster that is to be joined, or founded, with its reason. */
  readonly giveUp: AbortSignal;
  readonly raftTimings: {
    /** The leader is silent for no longer than this. */
    readonly heartbeatTimeoutMs: number;
    readonly electionTimeoutMs: number;
  };
  readonly raftBounds: { readonly entryBytesMax: number; readonly proposalQueueMax: number };
  /** How often, and after how many entries, the log is cut behind the state. */
  readonly snapshots: { readonly intervalMs: number; readonly entriesMax: number };
  readonly leaderTimings: LeaderTimings;
  /** Attempts of one job that may be lost with workers that died, until it is a dead letter. */
  readonly crashLimit: number;
  readonly deadServers: DeadServerPolicy;
  /** Finished jobs that are kept. */
  readonly retention: RetentionRules;
  readonly heartbeatIntervalMs: number;
  /** How long a linearizable read may wait for the leader's word, in ms. */
  readonly barrierTimeoutMs: number;
  /** How long a change may wait to be committed and applied, in ms. */
  readonly applyTimeoutMs: number;
  /** Asked whenever the leader plans. */
  readonly scheduling: () => SchedulingRules;
  /** Schedules there may be. */
  readonly schedulesMax: number;
  /** Waiting jobs beyond which submissions are refused. */
  readonly pendingJobsMax: number;
  /** Unfinished jobs of one submitter beyond which its submissions are; 0: no bound. */
  readonly clientJobsMax: number;
  /** How long an idempotency key that comes from now on is remembered, in ms. */
  readonly keyRetentionMs: number;
  /** Asked at each submission. */
  readonly admission: () => AdmissionRules;
  /** Longest result that is kept with a job. */
  readonly resultBytesMax: number;
  /** Built-in types, whose payloads are checked when they are submitted. */
  readonly registry: JobTypeRegistry;
  /** The server that clients and workers call. */
  readonly clientServer: ServerSetup;
  /** The server that the other masters call. */
  readonly peerServer: ServerSetup;
  /**
   * Whether the caller of a call that another master passed on may make it, by this one's policies.
   *
   * @throws Refusal `permission_denied`
   */
  readonly authorizeForwarded: (call: CallContext) => void;
  /** Told where to ask who is trusted, as soon as the state is open. */
  readonly trust: { bind(state: () => TrustView): void };
  readonly security: TokenParts;
  /** The policy that a cluster without one begins with; empty: the program's own. */
  readonly policyFileText: string;
  readonly peerChannel: Pick<PeerTransportOptions, "credentials" | "grpcOptions" | "token">;
  /** How to call other masters as a client does, in order to join them. */
  readonly clientChannel: Omit<ChannelOptions, "addresses">;
  /** How to call workers that do not come for their orders. */
  readonly workerChannel: Omit<WorkerCallerOptions, "callTimeoutMs">;
  readonly log: Logger;
  readonly tracer: Tracer;
  readonly observer: MasterObserver;
  /** Writes to the audit log. */
  readonly audit: (act: AuditedAct) => void;
  /** Something broke that this process cannot live with: it must end. */
  readonly onFailed: (failure: unknown) => void;
}
