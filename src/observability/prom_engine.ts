/**
 * prom-client, behind a module of ours: imported lazily by itself, a CommonJS package loses its
 * names in a bundle.
 *
 * @module
 */

export { Counter, Gauge, Histogram, Registry } from "prom-client";
