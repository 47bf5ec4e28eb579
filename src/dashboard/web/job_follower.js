// @ts-check
/// <reference lib="dom" />
/** One job, as it is now: asked for once, then, until it is finished, told by its own events. */

import { bytesOf, get, isAbort, path, urlOf } from "./api.js";
import { Feed } from "./feed.js";
import { bytesOfBase64, Content } from "./parts/result.js";
import { UNFINISHED } from "./parts/status.js";
import { openStream } from "./stream.js";

export class JobFollower {
  /** @type {Feed<import("./wire.js").JobStatusAnswer>} */
  feed;
  progress = 0;
  progressMessage = "";
  /** @type {Content | undefined} */
  result;
  /** @type {Content | undefined} */
  payload;
  /** Why the payload could not be had. @type {unknown} */
  payloadError;
  #context;
  #id;
  #isFollowing = false;
  /** Of the job that `result` is of: another one is made when that changed. */
  #resultOf = "";

  /**
   * @param {import("./view.js").Context} context
   * @param {string} id
   */
  constructor(context, id) {
    this.#context = context;
    this.#id = id;
    this.feed = new Feed(context, async (signal) => {
      const answer = await get(path`jobs/${id}`, { without_payload: true }, signal);
      this.#take(answer);
      return answer;
    }, { everyMs: 15_000 });
  }

  #follow() {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const { signal, update } = this.#context;
    openStream(urlOf(path`jobs/${this.#id}/events`), {
      signal,
      onState: (state) => {
        if (state === "ended") this.#isFollowing = false;
      },
      on: {
        state: () => this.feed.soon(),
        progress: ({ progress }) => {
          this.progress = progress.fraction;
          this.progressMessage = progress.message;
          update();
        },
      },
    });
  }

  /** Fetches the payload, unless it is there. */
  async wantPayload() {
    if (this.payload !== undefined) return;
    const { signal, update } = this.#context;
    this.payloadError = undefined;
    try {
      const blob = await bytesOf(urlOf(path`jobs/${this.#id}/payload`), signal);
      this.payload = new Content(new Uint8Array(await blob.arrayBuffer()), blob.type, signal);
    } catch (failure) {
      if (isAbort(failure)) return;
      this.payloadError = failure;
    }
    update();
  }

  /** @param {import("./wire.js").JobStatusAnswer} answer */
  #take({ job, progress, progress_message }) {
    this.progress = progress;
    this.progressMessage = progress_message;
    if (UNFINISHED.includes(job.status)) this.#follow();
    const { result } = job;
    const key = `${job.status} ${job.attempt} ${job.completed_at}`;
    if (result === undefined) this.result = undefined;
    else if (key !== this.#resultOf) {
      this.result = new Content(
        bytesOfBase64(result.output),
        result.content_type,
        this.#context.signal,
      );
    }
    this.#resultOf = key;
  }
}
