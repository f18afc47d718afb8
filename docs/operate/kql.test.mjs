// Checks the KQL of all guides with Microsoft's own parser: the syntax, and each name and type.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";

import { files } from "../../scripts/prose/markdown.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path) => readFileSync(join(root, path), "utf8");

// The package is two scripts that share their global names, and no module.
const packageFolder = dirname(fileURLToPath(import.meta.resolve("@kusto/language-service-next")));
for (const script of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  runInThisContext(readFileSync(join(packageFolder, script), "utf8"), { filename: script });
}
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

/** The tables that the queries read, with the columns that they use. */
const TABLES = {
  // Of the solution Cloudflare CCF.
  CloudflareV2_CL: "(TimeGenerated: datetime, ScriptName: string, Logs: string)",
  EmailPostDeliveryEvents:
    "(Timestamp: datetime, Action: string, ActionType: string, NetworkMessageId: string, RecipientEmailAddress: string)",
  AADServicePrincipalSignInLogs: "(TimeGenerated: datetime, AppId: string, IPAddress: string, ResourceDisplayName: string)",
};
const tables = Object.entries(TABLES).map(([name, columns]) => Symbols.TableSymbol.From(columns).WithName(name));
const workspace = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor1("workspace", tables, false));

/** The function that `lines.kql` becomes in the workspace. Its columns and their types follow from its text. */
const source = read("docs/operate/lines.kql");
const savedFunction = `let RemediationGateway = ${source.replaceAll(/^\/\/.*\n/gm, "").trim()};\n`;

/** Returns the faults that the parser finds in a query, as texts. */
function faults(query) {
  const found = KustoCode.ParseAndAnalyze(savedFunction + query, workspace).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => found.getItem(index))
    .filter(({ Severity }) => Severity !== "Suggestion")
    .map(({ Code, Message, Start, Length }) => `${Code} ${Message} ${JSON.stringify((savedFunction + query).slice(Start, Start + Length))}`);
}

const queries = files(root, [".md"]).flatMap((path) =>
  [...read(path).matchAll(/^( *)```(?:kusto|kql)\n([\s\S]*?)^\1```/gm)].map(([, indent, text]) => [path, text.replaceAll(new RegExp(`^${indent}`, "gm"), "")]),
);

describe("the KQL", () => {
  test("of the function for Sentinel has no error", () => assert.deepEqual(faults(source), []));

  test("is found", () => assert.ok(queries.filter(([path]) => path === "docs/operate.md").length > 10));

  for (const [path, query] of queries) {
    test(`of ${path} has no error: ${query.split("\n").slice(0, 2).join(" ")}`, () => assert.deepEqual(faults(query), []));
  }
});

describe("a planted fault", () => {
  for (const [query, code] of [
    ["RemediationGateway | where statuss == 200", "KS142"],
    ["RemediationGatewy | take 1", "KS204"],
    ["RemediationGateway | summarise count()", "KS176"],
    ["RemediationGateway | where status == ", "KS006"],
    ["RemediationGateway | where startofday(caller) > ago(1d)", "KS"],
    ["CloudflareV2_CL | where Event == 1", "KS142"],
    ["RemediationGateway | summarize arg_max(TimeGenerated", "KS"],
  ]) {
    test(`is found: ${query}`, () => assert.ok(faults(query).some((fault) => fault.startsWith(code)), JSON.stringify(faults(query))));
  }
});
