/**
 * The light door of this room: TLS for clients, and payload keys, without certificates' contents,
 * tokens and policies.
 *
 * @module
 */

export { type ChannelCredentialsOptions, TlsChannelCredentials } from "./channel_credentials.ts";
export { exposedMode, type FileAccess } from "./secret_mode.ts";
export {
  clearBytesIn,
  ENVELOPE_BYTES,
  envelopeOf,
  holdsSealedText,
  isSealed,
} from "./payload_envelope.ts";
export { keysIn, type PayloadKeyPlace, readOwnFile, readPayloadKeys } from "./payload_key_file.ts";
export {
  PAYLOAD_KEY_BYTES,
  PayloadKeyError,
  PayloadKeys,
  type SealContext,
} from "./payload_keys.ts";
