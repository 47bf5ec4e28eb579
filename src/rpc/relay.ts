/**
 * Metadata of a worker's session: `host:port` of the leader that it cannot reach. A follower of that
 * one passes the session on instead of sending the worker there.
 */
export const RELAY_KEY = "unreachable-leader";
