// A Worker in front of ledgers in another isolate. Its timers are 60 times as fast, so that a test observes its
// timeouts.

const { setTimeout } = globalThis;
globalThis.setTimeout = (callback, delay, ...values) => setTimeout(callback, delay / 60, ...values);

export { default, Ledger } from "./index.js";
