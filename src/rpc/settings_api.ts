/**
 * The calls about types and queues: how they stand, and what is set for them.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { CallContext, ServiceHandlers } from "./call.ts";
import type {
  ConfigureRequest,
  ConfigureRequestSchema,
  MasterService,
  RateLimit,
  Standing,
  StandingSchema,
} from "./gen/scheduler_pb.ts";
import { Refusal } from "./status.ts";

export type ScopeName = "type" | "queue";

/** At most `count` starts every `perMs`, and at most `burst` at once. */
export interface RateView {
  readonly count: number;
  readonly perMs: number;
  readonly burst: number;
}

/** How a type or a queue stands. */
export interface StandingView {
  readonly name: string;
  /** Its unfinished jobs. */
  readonly waiting: number;
  readonly pending: number;
  readonly assigned: number;
  readonly running: number;
  readonly paused: boolean;
  /** "" and 0 when it is not paused. */
  readonly pausedBy: string;
  readonly pausedAtMs: number;
  /** How many may run at once; 0: any number. */
  readonly runningMax: number;
  /** How fast they may start; null: as fast as they come. */
  readonly rate: RateView | null;
  /** Of a queue: its share of the workers, against that of others. */
  readonly weight: number;
}

/** What is to be changed; what is left out stays. */
export interface SettingsChangeView {
  readonly paused?: boolean;
  readonly runningMax?: number;
  readonly rate?: RateView | null;
  readonly weight?: number;
}

/** A type or queue, and what is to be changed; `null`: forget all that was set. */
export interface Configuration {
  readonly scope: ScopeName;
  readonly name: string;
  readonly change: SettingsChangeView | null;
}

export interface Configured {
  readonly changed: boolean;
  readonly standing: StandingView;
}

/** What a master answers about types and queues. */
export interface SettingsApi {
  /**
   * Those that have unfinished jobs or settings, by name; of one namespace (or of those of a caller who
   * does not have all): that have unfinished jobs in it, and these alone are counted.
   */
  listStandings(
    scope: ScopeName,
    namespace: string,
    call: Pick<CallContext, "caller">,
  ): Promise<readonly StandingView[]>;
  configure(configuration: Configuration, call: CallContext): Promise<Configured>;
}

export function settingsHandlers(master: SettingsApi): Pick<
  ServiceHandlers<typeof MasterService>,
  "listTypes" | "listQueues" | "configure"
> {
  return {
    listTypes: async ({ namespace }, call) => ({
      types: (await master.listStandings("type", namespace, call)).map(standingToWire),
    }),
    listQueues: async ({ namespace }, call) => ({
      queues: (await master.listStandings("queue", namespace, call)).map(standingToWire),
    }),
    configure: async (request, call) => {
      const { changed, standing } = await master.configure(configurationFromWire(request), call);
      return { changed, standing: standingToWire(standing) };
    },
  };
}

function configurationFromWire(request: ConfigureRequest): Configuration {
  const { scope, name, reset, paused, runningMax, rate, weight } = request;
  if (scope !== "type" && scope !== "queue") {
    throw new Refusal("invalid", `scope is ${JSON.stringify(scope)}; it may be "type" or "queue"`);
  }
  if (name === "") throw new Refusal("invalid", "name is missing");
  const change = {
    ...(paused === undefined ? {} : { paused }),
    ...(runningMax === undefined ? {} : { runningMax: Number(runningMax) }),
    ...(rate === undefined ? {} : { rate: rate.count === 0 ? null : rateFromWire(rate) }),
    ...(weight === undefined ? {} : { weight }),
  };
  const isEmpty = Object.keys(change).length === 0;
  if (!reset && isEmpty) throw new Refusal("invalid", "nothing is to be changed; set something");
  if (reset && !isEmpty) {
    throw new Refusal("invalid", "reset forgets all that was set; set nothing along with it");
  }
  return { scope, name, change: reset ? null : change };
}

export function configurationToWire(
  { scope, name, change }: Configuration,
): MessageInitShape<typeof ConfigureRequestSchema> {
  if (change === null) return { scope, name, reset: true };
  const { paused, runningMax, rate, weight } = change;
  return {
    scope,
    name,
    ...(paused === undefined ? {} : { paused }),
    ...(runningMax === undefined ? {} : { runningMax: BigInt(runningMax) }),
    ...(rate === undefined ? {} : { rate: rate === null ? {} : rateToWire(rate) }),
    ...(weight === undefined ? {} : { weight }),
  };
}

function standingToWire(standing: StandingView): MessageInitShape<typeof StandingSchema> {
  return {
    name: standing.name,
    waiting: BigInt(standing.waiting),
    pending: BigInt(standing.pending),
    assigned: BigInt(standing.assigned),
    running: BigInt(standing.running),
    paused: standing.paused,
    pausedBy: standing.pausedBy,
    ...(standing.pausedAtMs === 0 ? {} : { pausedAt: timestampFromMs(standing.pausedAtMs) }),
    runningMax: BigInt(standing.runningMax),
    ...(standing.rate === null ? {} : { rate: rateToWire(standing.rate) }),
    weight: standing.weight,
  };
}

export function standingFromWire(standing: Standing): StandingView {
  return {
    name: standing.name,
    waiting: Number(standing.waiting),
    pending: Number(standing.pending),
    assigned: Number(standing.assigned),
    running: Number(standing.running),
    paused: standing.paused,
    pausedBy: standing.pausedBy,
    pausedAtMs: standing.pausedAt === undefined ? 0 : timestampMs(standing.pausedAt),
    runningMax: Number(standing.runningMax),
    rate: standing.rate === undefined ? null : rateFromWire(standing.rate),
    weight: standing.weight,
  };
}

function rateToWire({ count, perMs, burst }: RateView) {
  return { count, perMs: BigInt(perMs), burst };
}

function rateFromWire({ count, perMs, burst }: RateLimit): RateView {
  return { count, perMs: Number(perMs), burst: burst || count };
}
