/**
 * What is on disk: the Raft log and vote, the job store, and the bytes of a log entry.
 *
 * @module
 */

export {
  COMMAND_FORMAT_VERSION,
  CommandFormatError,
  decodeCommand,
  encodeCommand,
} from "./command_codec.ts";
