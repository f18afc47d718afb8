// A Worker in front of ledgers that are in another isolate. A minute is a second for it, so that a test sees what it does when time is up.

const { setTimeout } = globalThis;
globalThis.setTimeout = (callback, delay, ...values) => setTimeout(callback, delay / 60, ...values);

export { default, Ledger } from "./index.js";
