/**
 * The calls about batches, and about what the parents of a running job left.
 *
 * @module
 */

import {
  type Batch,
  type CancelCommand,
  DEFAULT_NAMESPACE,
  isBatchFinished,
  isHeld,
} from "../jobs/mod.ts";
import {
  type BatchApi,
  type BatchName,
  type BatchPage,
  type BatchView,
  type CallContext,
  type ParentResultQuery,
  type ParentResultView,
  Refusal,
} from "../rpc/mod.ts";
import { dutiesOf, type MasterContext } from "./context.ts";
import { lastWords } from "./last_words.ts";
import { namespaceFor, namespacesFor, type Viewer } from "./sight.ts";
import { unknownJob } from "./views.ts";

/** Jobs that one Command cancels. */
const CANCELLED_PER_COMMAND = 2_000;
/** Shortest time between two counts of a watch, in ms. */
const WATCH_PAUSE_MS = 100;

export class BatchesApi implements BatchApi {
  readonly #context: MasterContext;

  constructor(context: MasterContext) {
    this.#context = context;
  }

  async getBatch(
    named: BatchName,
    { stale }: { readonly stale: boolean },
    call: Viewer,
  ): Promise<BatchView> {
    const namespace = namespaceFor(named.namespace, call);
    if (!stale) await this.#readBarrier();
    return batchView(this.#known(named.id, namespace));
  }

  async watchBatch(
    named: BatchName,
    send: (batch: BatchView) => Promise<void>,
    call: Viewer & Pick<CallContext, "signal">,
  ): Promise<void> {
    const namespace = namespaceFor(named.namespace, call);
    const find = () => this.#context.machine.batch(named.id, namespace);
    await this.#readBarrier();
    const { batchWatchers } = this.#context;
    let batch = this.#known(named.id, namespace);
    while (true) {
      await send(batchView(batch));
      if (isBatchFinished(batch)) return;
      await batchWatchers.untilOther(batch, find, call.signal, WATCH_PAUSE_MS);
      const now = find();
      if (now === undefined) return; // all of its jobs have finished and are forgotten
      batch = now;
    }
  }

  async cancelBatch(
    named: BatchName,
    reason: string,
    call: CallContext,
  ): Promise<{ matched: number; cancelled: number }> {
    dutiesOf(this.#context);
    const namespace = namespaceFor(named.namespace, call);
    await this.#readBarrier();
    const batch = this.#known(named.id, namespace);
    const { machine, proposer, watchers } = this.#context;
    // Parents first, so that most of their children are cancelled for being so.
    const jobs = machine.unfinishedOfBatch(batch, Infinity).sort((a, b) => a.seq - b.seq);
    let cancelled = 0;
    for (let from = 0; from < jobs.length; from += CANCELLED_PER_COMMAND) {
      const some = jobs.slice(from, from + CANCELLED_PER_COMMAND);
      const { results } = await proposer.propose<CancelCommand>({
        kind: "cancel",
        jobIds: some.map(({ id }) => id),
        reason,
        by: call.caller.userId,
        ...lastWords(some, watchers),
      });
      cancelled += results.filter((each) =>
        each.status === "cancelled" || each.jobStatus === "cancelled"
      ).length;
    }
    return { matched: jobs.length, cancelled };
  }

  async listBatches(
    { limit, cursor, isUnfinished, namespace }: {
      readonly limit: number;
      readonly cursor: string;
      readonly isUnfinished: boolean;
      readonly namespace: string;
    },
    call: Viewer,
  ): Promise<BatchPage> {
    const namespaces = namespacesFor(namespace, call);
    const after = cursor === "" ? undefined : placeOf(cursor);
    await this.#readBarrier();
    const batches = [...this.#context.machine.batches()]
      .filter((batch) => namespaces === undefined || namespaces.includes(batch.namespace))
      .filter((batch) => !isUnfinished || !isBatchFinished(batch))
      .filter((batch) => after === undefined || compare(batch, after) > 0)
      .sort(compare);
    const page = batches.slice(0, limit);
    const last = page.at(-1);
    return {
      batches: page.map(batchView),
      nextCursor: last === undefined || batches.length === page.length ? "" : cursorOf(last),
    };
  }

  /** The leader answers, so what it knows of the attempt is the present. */
  parentResult({ workerId, jobId, token, parentId }: ParentResultQuery): Promise<ParentResultView> {
    dutiesOf(this.#context);
    const { machine } = this.#context;
    const job = machine.get(jobId);
    if (job === undefined) throw unknownJob(jobId);
    if (!isHeld(job.status) || job.assignedTo !== workerId || job.token !== token) {
      throw new Refusal(
        "failed_precondition",
        `worker ${workerId} does not hold job ${jobId} under token ${token}`,
      );
    }
    if (!job.options.dependencies.some((each) => each.jobId === parentId)) {
      throw new Refusal("failed_precondition", `job ${jobId} does not depend on job ${parentId}`);
    }
    const parent = machine.get(parentId);
    if (parent === undefined) throw unknownJob(parentId);
    const result = machine.result(parentId);
    return Promise.resolve({
      status: parent.status,
      output: result?.output ?? new Uint8Array(0),
      contentType: result?.contentType ?? "",
      error: parent.errorMessage,
    });
  }

  #known(batchId: string, namespace: string): Batch {
    const batch = this.#context.machine.batch(batchId, namespace);
    if (batch !== undefined) return batch;
    throw new Refusal(
      "not_found",
      `there is no batch ${
        JSON.stringify(batchId)
      } in namespace ${namespace}; a batch begins with its first job and is ` +
        "forgotten with its last",
    );
  }

  #readBarrier(): Promise<void> {
    return this.#context.proposer.readBarrier(this.#context.barrierTimeoutMs);
  }
}

interface Place {
  readonly createdAtMs: number;
  readonly id: string;
  readonly namespace: string;
}

/** The latest first. */
function compare(a: Place, b: Place): number {
  return b.createdAtMs - a.createdAtMs || byText(a.id, b.id) || byText(a.namespace, b.namespace);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The namespace is left out where it is the default one, as before there were others. */
function cursorOf({ createdAtMs, namespace, id }: Place): string {
  return `${createdAtMs}${namespace === DEFAULT_NAMESPACE ? "" : `@${namespace}`}:${id}`;
}

function placeOf(cursor: string): Place {
  const [, createdAtMs, namespace = DEFAULT_NAMESPACE, id] =
    /^(\d{1,16})(?:@([\w.-]{1,63}))?:(.+)$/s.exec(cursor) ?? [];
  if (createdAtMs !== undefined && id !== undefined) {
    return { createdAtMs: Number(createdAtMs), namespace, id };
  }
  throw new Refusal("invalid", `cursor ${JSON.stringify(cursor.slice(0, 80))} is not one of ours`);
}

function batchView(batch: Batch): BatchView {
  return { ...batch, isFinished: isBatchFinished(batch) };
}
