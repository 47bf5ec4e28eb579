/**
 * What tests of a whole cluster are made of: processes, a network that fails, clients that write
 * down what they were told, jobs that write down that they ran, and an audit that compares.
 *
 * @module
 */

export * from "./audit.ts";
export * from "./cluster.ts";
export * from "./evidence.ts";
export * from "./history.ts";
export * from "./ledger.ts";
export * from "./load.ts";
export * from "./network.ts";
export * from "./node_process.ts";
export * from "./pages.ts";
export * from "./pinned_client.ts";
export * from "./ports.ts";
export * from "./shims.ts";
export * from "./wait.ts";
