/**
 * The light door of this room: TLS for clients, and payload keys, without certificates' contents,
 * tokens and policies.
 *
 * @module
 */

export { TlsChannelCredentials } from "./channel_credentials.ts";
export { exposedMode } from "./secret_mode.ts";
export { clearBytesIn, envelopeOf, holdsSealedText, isSealed } from "./payload_envelope.ts";
export { readPayloadKeys } from "./payload_key_file.ts";
export { PayloadKeyError, PayloadKeys, type SealContext } from "./payload_keys.ts";
