// Checks the guide's workflow: which jobs get a credential, and that its commands are those of a release.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { load } from "js-yaml";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const guide = read("deploy-from-ci.md");
const block = (language) => new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "m").exec(guide)[1];
const [source, script] = [block("yaml"), block("bash")];

/** Returns the errors by which a workflow would disclose a credential or deploy too early. */
function faults(text) {
  const { jobs, permissions } = load(text);
  const found = [];
  if (JSON.stringify(permissions) !== '{"contents":"read"}') found.push("the workflow may write");
  for (const [name, job] of Object.entries(jobs)) {
    const usesSecret = JSON.stringify(job).includes("secrets.");
    if (usesSecret && job.environment !== name) found.push(`${name} reads a secret outside its environment`);
    if (!usesSecret && JSON.stringify(job).includes("deploy.sh") && !job.steps.every(({ run }) => !run || run.includes("--dry-run"))) found.push(`${name} deploys without a credential`);
    for (const { run, uses, with: options } of job.steps) {
      if (run?.includes("${{")) found.push(`${name} has a command with an expression`);
      if (uses?.startsWith("actions/checkout@") && options?.["persist-credentials"] !== false) found.push(`${name} keeps a credential`);
    }
  }
  if (jobs.production.needs !== "staging" || jobs.staging.needs !== "check") found.push("production does not wait");
  if (jobs.staging.if !== "github.event_name == 'push'") found.push("a pull request deploys");
  return found;
}

test("the workflow gives credentials only to jobs that wait for their environment", () => assert.deepEqual(faults(source), []));

for (const [from, to, expected] of [
  ["    environment: production\n", "", "production reads a secret outside its environment"],
  ["  contents: read\n", "  contents: write\n", "the workflow may write"],
  ["    needs: staging\n", "", "production does not wait"],
  ["    if: github.event_name == 'push'\n", "", "a pull request deploys"],
  ['--message "$GITHUB_SHA"', '--message "${{ github.event.head_commit.message }}"', "staging has a command with an expression"],
  ["          persist-credentials: false\n", "          persist-credentials: true\n", "check keeps a credential"],
]) {
  test(`the check finds a workflow in which ${expected}`, () => {
    assert.ok(source.includes(from));
    assert.deepEqual(faults(source.replace(from, to)), [expected]);
  });
}

test("the workflow uses the actions that this repository has reviewed", () => {
  const own = read("../.github/workflows/ci.yml");
  for (const [, action] of source.matchAll(/uses: (.*)$/gm)) assert.ok(own.includes(action), action);
});

test("the script is bash, and its options are those of deploy.mjs", () => {
  assert.equal(spawnSync("bash", ["-n"], { input: script }).status, 0);
  const program = read("../scripts/deploy.mjs");
  for (const option of ["--config", "--env"]) assert.ok(script.includes(`${option} `) && program.includes(`"${option}"`), option);
  assert.equal(JSON.parse(read("../package.json")).scripts.deploy, "node scripts/deploy.mjs");
});
