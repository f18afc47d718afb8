// A minute is a second here, so that a test sees what happens when deadlines have passed.

const { setTimeout } = globalThis;
globalThis.setTimeout = (callback, delay, ...values) => setTimeout(callback, delay / 60, ...values);
