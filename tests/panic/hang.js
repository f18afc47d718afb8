// The built Worker, whose objects never respond.

export { default } from "./index.js";

export class Ledger {
  fetch() {
    // The runtime would detect an object without pending work.
    return new Promise((resolve) => setTimeout(resolve, 3_600_000));
  }
}
