/**
 * The light door of this room: TLS for clients, without certificates' contents, tokens and policies.
 *
 * @module
 */

export { type ChannelCredentialsOptions, TlsChannelCredentials } from "./channel_credentials.ts";
export { exposedMode, type FileAccess } from "./secret_mode.ts";
