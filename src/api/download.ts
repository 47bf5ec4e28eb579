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
 * The answer, once there is a first piece. A file whose source fails later breaks off with its
 * connection, so that nobody takes it for whole.
 *
 * @throws what `source` throws before it has written anything
 */
export async function downloadAnswer(name: string, source: PieceSource): Promise<Response> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const begun = Promise.withResolvers<void>();
  let hasBegun = false;
  const running = source({
    write: async (message) => {
      hasBegun = true;
      begun.resolve();
      await writer.ready;
      await writer.write((message as { readonly data: Uint8Array }).data);
    },
  }).then(() => writer.close(), (failure) => {
    // Whoever read it may have gone, and the writer with them.
    writer.abort(failure).catch(() => {});
    if (!hasBegun) throw failure;
  });
  await Promise.race([begun.promise, running]);
  return new Response(readable, {
    headers: {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${name}"`,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}
