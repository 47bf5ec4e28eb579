/**
 * What is on disk: the Raft log and vote (durable before they are acknowledged), the job store (behind, and
 * brought up from the log), snapshots, and the bytes of a log entry. Damage is looked for and refused by name,
 * never guessed at or reset; `ARCHITECTURE.md` says how. Implements the ports that `raft/` and `jobs/`
 * declare.
 *
 * @module
 */

export {
  BackupChecker,
  type BackupHead,
  BackupRefused,
  BackupWriter,
  checkBackup,
  isBackup,
} from "./backup_file.ts";
export { decodeCommand, encodeCommand } from "./command_codec.ts";
export {
  COMMAND_FORMAT_VERSION,
  CommandNeedsNewerFormat,
  ENTRY_FORMATS,
  SUBMISSIONS_FORMAT,
} from "./command_format.ts";
export { CommandFormatError } from "./command_values.ts";
export { withRoomAdvice } from "./disk_room.ts";
export { createDataDirectory } from "./data_directory.ts";
export { inspectRaftLog, type RaftLogReport } from "./inspect_log.ts";
export { inspectState, type StateReport } from "./inspect_state.ts";
export { SqliteRaftLog } from "./raft_log.ts";
export { RAFT_LOG_FILES } from "./raft_log_files.ts";
export { failureOf, RaftLogRefused, REJOIN_ADVICE, StorageFailed } from "./storage_failure.ts";
export { CopyGivenUp, SqliteJobStore } from "./job_store.ts";
export {
  JOB_STORE_FILE,
  JOB_STORE_FORMATS,
  JobStoreDamaged,
  JobStoreRefused,
  syncPath,
} from "./job_store_file.ts";
export { JOB_STORE_MARKER } from "./job_store_seal.ts";
