/**
 * pino, behind a module of ours: imported lazily by itself, a CommonJS package loses its names in a
 * bundle.
 *
 * @module
 */

export { pino } from "pino";
