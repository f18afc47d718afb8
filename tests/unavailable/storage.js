// The built Worker with a storage whose first statement fails.

import built, { Ledger as BuiltLedger } from "./index.js";

export default built;

export class Ledger extends BuiltLedger {
  constructor(state, env) {
    const { sql } = state.storage;
    const { exec } = sql;
    sql.exec = () => {
      sql.exec = exec;
      throw new Error("disk I/O error: SQLITE_IOERR");
    };
    super(state, env);
  }
}
