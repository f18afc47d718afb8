// Validates a configuration, and deploys the gateway with it:
// node scripts/deploy.mjs [--config <file>] [--env <environment>] [flags of wrangler]
//
// The same program runs in a checkout (`make deploy`) and in a release archive (`npm run deploy`), which needs no Rust.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Whether this folder has no sources, so that the Worker is built already. */
const isArchive = !existsSync(join(root, "Cargo.toml"));
const { checkConfiguration } = createRequire(import.meta.url)("../build/deploy-check/deploy_check.js");

/**
 * Removes the option `name` from `flags`, and returns its value. If the option is repeated, the second one stays in
 * `flags`, and the check rejects it.
 */
function take(flags, name, otherwise) {
  const index = flags.indexOf(name);
  return index < 0 ? otherwise : flags.splice(index, 2)[1];
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Runs a command, and ends this program if the command fails. */
function run(command, args) {
  // The flags of an outer `make` are not for wrangler's build.
  const { MAKEFLAGS, MAKELEVEL, MFLAGS, ...env } = process.env;
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...env, WRANGLER_SEND_METRICS: "false" },
  });
  if (error) fail(`error: ${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

const flags = process.argv.slice(2);
const config = take(flags, "--config", "wrangler.toml");
const environment = take(flags, "--env", "production");
if (!config || !environment) fail("usage: deploy.mjs [--config <file>] [--env <environment>] [flags of wrangler]");
let text;
try {
  text = readFileSync(resolve(config), "utf8");
} catch (error) {
  fail(`error: nothing was deployed. ${config}: ${error.message}`);
}
try {
  console.log(checkConfiguration(config, text, environment, flags, isArchive));
} catch (report) {
  fail(report);
}
if (!isArchive) run("make", ["--no-print-directory", "build"]);
// The command names the Worker. wrangler would look for `main` next to the file, which can be outside this folder.
const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
run(process.execPath, [wrangler, "deploy", "build/index.js", "--config", resolve(config), "--env", environment, ...flags]);
