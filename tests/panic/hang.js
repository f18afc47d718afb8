// The built Worker, whose objects never answer.

export { default } from "./index.js";

export class Ledger {
  fetch() {
    // The runtime would notice of an object that waits for nothing.
    return new Promise((resolve) => setTimeout(resolve, 3_600_000));
  }
}
