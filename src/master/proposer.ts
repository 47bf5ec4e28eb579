/**
 * Puts Commands into the Raft log and brings their outcomes back, in the words of the API.
 *
 * @module
 */

import {
  type Command,
  type FireScheduleCommand,
  KEY_RETENTION_MS_DEFAULT,
  type Outcome,
  type OutcomeOf,
  type Report,
  type ScheduleFire,
  type SubmitCommand,
  type SubmitOutcome,
  type SubmitSpec,
} from "../jobs/mod.ts";
import { type MembershipChange, ProposalRefused, type RaftNode, ReadRefused } from "../raft/mod.ts";
import { Refusal, UNKNOWN_ADVICE } from "../rpc/mod.ts";
import {
  CommandNeedsNewerFormat,
  encodeCommand,
  ENTRY_FORMATS,
  SUBMISSIONS_FORMAT,
} from "../storage/mod.ts";
import { RoundGate, type Share } from "./round_gate.ts";

/** A Command before the leader has stamped it with its time. */
export type Unstamped<C extends Command> = C extends Command ? Omit<C, "atMs"> : never;

/** Single submissions that are put together into one log entry, and their bytes. */
const MERGED_JOBS_MAX = 256;
const MERGED_BYTES_MAX = 512 * 1024;

interface WaitingSubmit {
  readonly spec: SubmitSpec;
  readonly resolve: (outcome: SubmitOutcome) => void;
  readonly reject: (failure: unknown) => void;
}

export interface ProposerOptions {
  readonly node: RaftNode<Outcome>;
  readonly now: () => number;
  /** Unfinished jobs beyond which submissions are refused, as things stand. */
  readonly liveJobsMax: () => number;
  /** Unfinished jobs of one submitter beyond which its submissions are; 0: no bound. */
  readonly clientJobsMax: number;
  /** How long an idempotency key is remembered from now on, in ms. */
  readonly keyRetentionMs: number;
  /** In which every member reads entries; undefined on a node that does not lead, or not yet. */
  readonly entryFormat: () => number | undefined;
  /** How long a change may wait to be committed and applied, in ms. */
  readonly applyTimeoutMs: number;
  /** gRPC address of a member, if known. */
  readonly addressOf: (nodeId: string) => string | undefined;
  /**
   * Told of submissions in the turn in which they are proposed; what it gives is called when their
   * outcome is known.
   */
  readonly onSubmitted: (specs: readonly SubmitSpec[]) => () => void;
  readonly onProposed: (kind: Command["kind"], durationMs: number, failure: unknown) => void;
  /** Jobs are forgotten for good: by age and number, or because somebody purged them. */
  readonly onForgotten: (why: "retention" | "purge", jobs: number) => void;
}

interface Deadline {
  readonly atMs: number;
  readonly reject: (failure: Refusal) => void;
}

/** How often overdue proposals are looked for, in ms: one timer for all is cheaper than one each. */
const DEADLINE_INTERVAL_MS = 100;

export class Proposer {
  readonly #options: ProposerOptions;
  /** In the order in which they end. */
  readonly #deadlines = new Set<Deadline>();
  readonly #deadlineTimer: ReturnType<typeof setTimeout>;
  readonly #gate = new RoundGate();
  #waiting: WaitingSubmit[] = [];
  #waitingBytes = 0;

  constructor(options: ProposerOptions) {
    this.#options = options;
    this.#deadlineTimer = setInterval(() => this.#endOverdue(), DEADLINE_INTERVAL_MS);
  }

  /** In which every member reads entries. */
  get entryFormat(): number {
    return this.#options.entryFormat() ?? ENTRY_FORMATS.oldest;
  }

  /** Stops its timer; proposals under way are ended by the node. */
  stop(): void {
    clearInterval(this.#deadlineTimer);
    this.#gate.stop();
  }

  /**
   * Proposes a Command and resolves to its outcome once it is committed and applied.
   *
   * @throws Refusal when it was not accepted, or when its outcome cannot be known.
   */
  async propose<C extends Command>(command: Unstamped<C>): Promise<OutcomeOf[C["kind"]]> {
    const startedMs = performance.now();
    const share = shareOf(command as Unstamped<Command>);
    const held = this.#gate.enter(share);
    if (held !== undefined) await held;
    const stamped = { ...command, atMs: this.#options.now() } as unknown as C;
    this.#gate.left(share);
    try {
      const format = this.#options.entryFormat();
      // Whoever waited for others may find that this node leads no more.
      if (format === undefined) throw new ProposalRefused("not_leader", this.#otherLeader);
      const outcome = await this.#inTime(
        this.#options.node.propose(encodeCommand(stamped, format)),
      );
      this.#options.onProposed(stamped.kind, performance.now() - startedMs, undefined);
      if (outcome.kind === "prune" && stamped.kind === "prune" && outcome.removedJobs > 0) {
        const why = stamped.deadLettersOnly ? "purge" : "retention";
        this.#options.onForgotten(why, outcome.removedJobs);
      }
      return outcome as OutcomeOf[C["kind"]];
    } catch (failure) {
      this.#options.onProposed(stamped.kind, performance.now() - startedMs, failure);
      throw this.#asRefusal(failure);
    } finally {
      this.#gate.arrived(share);
    }
  }

  /**
   * Changes who is in the cluster; resolves when that is committed.
   *
   * @throws Refusal when it was not accepted.
   */
  async changeMembership(change: MembershipChange): Promise<void> {
    try {
      await this.#options.node.changeMembership(change);
    } catch (failure) {
      throw this.#asRefusal(failure);
    }
  }

  /**
   * Begins to hand leadership over. Returns to whom.
   *
   * @throws Refusal when it cannot.
   */
  transferLeadership(to: string | undefined): string {
    try {
      return this.#options.node.transferLeadership(to);
    } catch (failure) {
      throw this.#asRefusal(failure);
    }
  }

  /** Submits one job; submissions of one turn of the event loop share a log entry. */
  async submitOne(spec: SubmitSpec): Promise<SubmitOutcome> {
    // What some member cannot read must not take others of the same entry with it.
    const asksMore = spec.options !== undefined || spec.namespace !== undefined;
    if (asksMore && this.entryFormat < SUBMISSIONS_FORMAT) {
      const [alone] = await this.submitMany([spec], false);
      return alone!;
    }
    return await new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ spec, resolve, reject });
      this.#waitingBytes += spec.payload.byteLength;
      const isFull = this.#waiting.length >= MERGED_JOBS_MAX ||
        this.#waitingBytes >= MERGED_BYTES_MAX;
      if (isFull) this.#flush();
    });
  }

  /** Submits many jobs as one log entry. */
  async submitMany(
    specs: readonly SubmitSpec[],
    allOrNothing: boolean,
  ): Promise<readonly SubmitOutcome[]> {
    const proposed = this.propose<SubmitCommand>({
      kind: "submit",
      jobs: specs,
      allOrNothing,
      ...this.#bounds(),
      ...(specs.some(mayBeExisting) && { keysOfExisting: true }),
    });
    const known = this.#options.onSubmitted(specs);
    try {
      const { results } = await proposed;
      return results;
    } finally {
      known();
    }
  }

  /** A bound that not every member knows yet does not hold until they do. */
  #bounds(): Pick<SubmitCommand, "liveJobsMax" | "clientJobsMax" | "keyRetentionMs"> {
    const { clientJobsMax, keyRetentionMs } = this.#options;
    const isKnown = this.entryFormat >= 2;
    return {
      liveJobsMax: this.#options.liveJobsMax(),
      ...(clientJobsMax > 0 && isKnown && { clientJobsMax }),
      ...(keyRetentionMs !== KEY_RETENTION_MS_DEFAULT && isKnown && { keyRetentionMs }),
    };
  }

  /**
   * Acts on times of schedules, as far as there may be more unfinished jobs.
   *
   * @param leaderTerm refuse in another term; left out: whoever leads may do it
   */
  fireSchedules(
    fires: readonly ScheduleFire[],
    leaderTerm?: number,
  ): Promise<OutcomeOf["fire_schedule"]> {
    const { keyRetentionMs } = this.#options;
    const hasKey = fires.some((fire) => fire.kind === "triggered" && fire.idempotencyKey);
    return this.propose<FireScheduleCommand>({
      kind: "fire_schedule",
      fires,
      liveJobsMax: this.#options.liveJobsMax(),
      replacesIfAccepted: true,
      ...(hasKey && keyRetentionMs !== KEY_RETENTION_MS_DEFAULT && { keyRetentionMs }),
      ...(leaderTerm === undefined ? {} : { leaderTerm }),
    });
  }

  /**
   * Resolves when a read of the local state is linearizable.
   *
   * @throws Refusal when no leader confirmed it within `timeoutMs`.
   */
  async readBarrier(timeoutMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timedOut = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            new Refusal(
              "unavailable",
              `no leader confirmed the read within ${timeoutMs} ms; ` +
                "ask again, or ask for a stale read",
            ),
          ),
        timeoutMs,
      );
    });
    try {
      await Promise.race([this.#options.node.readIndex(), timedOut]);
    } catch (failure) {
      throw this.#asRefusal(failure);
    } finally {
      clearTimeout(timer);
    }
  }

  #inTime(proposed: Promise<Outcome>): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const deadline = { atMs: performance.now() + this.#options.applyTimeoutMs, reject };
      this.#deadlines.add(deadline);
      proposed.then(resolve, reject).finally(() => this.#deadlines.delete(deadline));
    });
  }

  #endOverdue(): void {
    const nowMs = performance.now();
    for (const deadline of this.#deadlines) {
      if (deadline.atMs > nowMs) return;
      this.#deadlines.delete(deadline);
      deadline.reject(
        new Refusal(
          "outcome_unknown",
          `the change was not committed within ${this.#options.applyTimeoutMs} ms and may still ` +
            `be: ${UNKNOWN_ADVICE}`,
        ),
      );
    }
  }

  #flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.submitMany(waiting.map((each) => each.spec), false).then(
      (results) => waiting.forEach((each, position) => each.resolve(results[position]!)),
      (failure) => waiting.forEach((each) => each.reject(failure)),
    );
  }

  #asRefusal(failure: unknown): unknown {
    if (failure instanceof ReadRefused) {
      if (failure.reason === "disk_full") {
        return new Refusal(
          "unavailable",
          `${failure.message}; make room there, or ask another member`,
        );
      }
      return failure.reason === "overloaded"
        ? new Refusal("overloaded", failure.message, { retryAfterMs: 100 })
        : this.#notLeader(failure.leaderId);
    }
    if (failure instanceof CommandNeedsNewerFormat) {
      return new Refusal("failed_precondition", failure.message);
    }
    if (!(failure instanceof ProposalRefused)) return failure;
    switch (failure.reason) {
      case "not_leader":
        return this.#notLeader(failure.leaderId, failure);
      case "transferring":
      case "not_ready":
        return new Refusal("unavailable", `${failure.message}; try again`, {
          retryAfterMs: 100,
          cause: failure,
        });
      case "overloaded":
      case "disk_full":
        return new Refusal("overloaded", failure.message, { retryAfterMs: 1_000 });
      case "too_large":
        return new Refusal("too_large", `the request does not fit a log entry: ${failure.message}`);
      case "stopped":
        return new Refusal("unavailable", "this master is shutting down");
      case "change_in_progress":
        return new Refusal("unavailable", `${failure.message}; try again`, { retryAfterMs: 100 });
      case "not_caught_up":
      case "invalid":
        return new Refusal("failed_precondition", failure.message);
      case "outcome_unknown":
        return new Refusal(
          "outcome_unknown",
          `leadership was lost before the outcome was known: ${UNKNOWN_ADVICE}`,
          { cause: failure },
        );
    }
  }

  get #otherLeader(): string | undefined {
    const { node } = this.#options;
    return node.isLeader ? undefined : node.leaderId;
  }

  #notLeader(leaderId: string | undefined, cause?: ProposalRefused): Refusal {
    return notLeader(
      leaderId,
      leaderId === undefined ? undefined : this.#options.addressOf(leaderId),
      cause,
    );
  }
}

const REFUSED_FOR_LEADERSHIP: ReadonlySet<string> = new Set<ProposalRefused["reason"]>([
  "transferring",
  "not_leader",
  "outcome_unknown",
]);

/** Whether a Command failed only because leadership goes to another master: nothing is wrong with either. */
export function isOfLeadership(failure: unknown): boolean {
  const cause = failure instanceof Refusal ? failure.cause : undefined;
  return cause instanceof ProposalRefused && REFUSED_FOR_LEADERSHIP.has(cause.reason);
}

/** Its answer may be another job, and its key is to stand for that. */
function mayBeExisting({ idempotencyKey, options }: SubmitSpec): boolean {
  return idempotencyKey !== undefined && options?.uniqueMode === "existing";
}

/** How much a Command takes along. */
function shareOf(command: Unstamped<Command>): Share {
  switch (command.kind) {
    case "submit":
      return {
        kind: command.kind,
        items: command.jobs.length,
        bytes: command.jobs.reduce((sum, { payload }) => sum + payload.byteLength, 0),
      };
    case "assign":
      return { kind: command.kind, items: command.assignments.length, bytes: 0 };
    case "report":
      return {
        kind: command.kind,
        items: command.reports.length,
        bytes: command.reports.reduce((sum, report) => sum + outputBytes(report), 0),
      };
    default:
      return { kind: command.kind, items: 1, bytes: 0 };
  }
}

function outputBytes(report: Report): number {
  return "output" in report ? report.output?.byteLength ?? 0 : 0;
}

/** The refusal of a node that does not lead, with the way to the one that does. */
export function notLeader(
  leaderId: string | undefined,
  leaderAddress: string | undefined,
  cause?: unknown,
): Refusal {
  if (leaderAddress !== undefined) {
    return new Refusal("not_leader", `this master does not lead; ${leaderId} does`, {
      leaderAddress,
      cause,
    });
  }
  return new Refusal("unavailable", "no master leads at this moment; try again", {
    retryAfterMs: 200,
    cause,
  });
}
