import { v7 as uuidv7 } from "uuid";

const bytes = new Uint8Array(16);

/**
 * A new id, a UUID that sorts by time. Written down by the runtime: the library puts it together byte by
 * byte, which takes as long as all else that is done to let a submission in.
 */
export function newJobId(): string {
  const hex = uuidv7(undefined, bytes).toHex();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${
    hex.slice(20)
  }`;
}
