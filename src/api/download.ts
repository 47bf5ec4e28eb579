/**
 * A stream of `MasterService` whose messages are the pieces of a file.
 *
 * @module
 */

import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";

/** Writes the pieces; rejects when it cannot go on. */
export type PieceSource = (
  out: { write(message: MessageInitShape<DescMessage>): Promise<void> },
) => Promise<void>;

/**
 * The answer, once there is a first piece. A file whose source fails later, or that is not to go on,
 * breaks off with its connection, so that nobody takes it for whole.
 *
 * @throws what `source` throws before it has written anything
 */
export async function downloadAnswer(
  name: string,
  source: PieceSource,
  signal: AbortSignal,
): Promise<Response> {
  const file = new Pieces(signal);
  const begun = Promise.withResolvers<void>();
  const running = source({
    write: async (message) => {
      begun.resolve();
      await file.add((message as { readonly data: Uint8Array }).data);
    },
  }).then(() => file.end(), (failure) => {
    if (!file.hasBegun) throw failure;
    file.breakOff(failure);
  });
  await Promise.race([begun.promise, running]);
  return new Response(file.body, {
    headers: {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${name}"`,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

/** The body of the answer: each piece is taken when its reader wants it. */
class Pieces {
  readonly body: ReadableStream<Uint8Array>;
  hasBegun = false;
  #isOver = false;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wanted = Promise.withResolvers<void>();
  /** Nothing more is taken: it has broken off, or its reader has gone. */
  readonly #over = Promise.withResolvers<never>();

  /** @param signal breaks it off, also while its reader wants nothing */
  constructor(signal: AbortSignal) {
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#wanted.resolve(),
      cancel: (reason) => {
        this.#isOver = true;
        this.#over.reject(reason);
      },
    }, { highWaterMark: 0 });
    this.#over.promise.catch(() => {}); // whoever adds a piece is told, and else nobody need be
    signal.addEventListener("abort", () => this.breakOff(signal.reason), { once: true });
  }

  async add(piece: Uint8Array): Promise<void> {
    this.hasBegun = true;
    await Promise.race([this.#wanted.promise, this.#over.promise]);
    this.#wanted = Promise.withResolvers();
    this.#controller?.enqueue(piece);
  }

  end(): void {
    // A stream that its reader cancelled is closed by that, and refuses to be again.
    if (!this.#isOver) this.#controller?.close();
    this.#isOver = true;
  }

  breakOff(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over.reject(reason);
    this.#controller?.error(reason);
  }
}
