// The payload: its schema, all its errors, and the body for Graph.

import * as z from "zod";

import { isAddress } from "./address.js";
import { pointer } from "./json.js";
import { Problem } from "./problem.js";

export const ACTIONS = ["moveToJunk", "moveToInbox", "hardDelete", "softDelete", "moveToDeletedItems", "moveToQuarantine"];
const SEVERITIES = ["low", "medium", "high"];
const MAX_EMAILS = 10_000;
const MAX_ERRORS = 50;

/** Schema of a text that is not blank and has at most `max` characters. */
const text = (max) => z.string().refine((value) => /\S/.test(value), "must not be blank").max(max);

const AnalyzedEmail = z.strictObject({
  networkMessageId: z.guid("must be a GUID of 8-4-4-4-12 hexadecimal digits").toLowerCase(),
  recipientEmailAddress: z.stringFormat("address", isAddress, 'must be one bare address such as "user@contoso.com"'),
});

const Remediation = z.strictObject({
  displayName: text(256),
  description: z.string().max(1024),
  severity: z.enum(SEVERITIES),
  action: z.enum(ACTIONS),
  remediateSendersCopy: z.union([z.boolean(), z.stringbool({ truthy: ["true"], falsy: ["false"] })]),
  analyzedEmails: z.array(AnalyzedEmail).min(1).max(MAX_EMAILS),
});

/** Returns the remediation without repeated pairs. Throws everything that is wrong with it. */
export function readRemediation(value) {
  const { success, data, error } = Remediation.safeParse(value);
  if (!success) {
    throw invalidPayload(error.issues);
  }
  return withoutDuplicates(data);
}

function invalidPayload(issues) {
  const errors = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((name) => ({ pointer: pointer([...issue.path, name]), detail: "unknown member" }))
      : [{ pointer: pointer(issue.path), detail: issue.message }],
  );
  const detail = `The payload has ${errors.length} errors. Nothing was sent.`;
  return new Problem("invalidPayload", detail, { errors: errors.slice(0, MAX_ERRORS) });
}

/** Keeps the first of pairs that differ in case at most, with the indices of the emails in the body. */
function withoutDuplicates(data) {
  const pairs = new Map();
  data.analyzedEmails.forEach((email, index) => {
    const pair = `${email.networkMessageId} ${email.recipientEmailAddress.toLowerCase()}`;
    if (!pairs.has(pair)) {
      pairs.set(pair, index);
    }
  });
  const indices = [...pairs.values()];
  return {
    ...data,
    analyzedEmails: indices.map((index) => data.analyzedEmails[index]),
    indices,
    pairs: [...pairs.keys()],
    duplicatesRemoved: data.analyzedEmails.length - indices.length,
  };
}

/** Returns the body for Graph. */
export function graphRequest(remediation) {
  const { displayName, description, severity, action, remediateSendersCopy, analyzedEmails } = remediation;
  return JSON.stringify({ displayName, description, severity, action, remediateSendersCopy, analyzedEmails });
}

/** Returns the digest of the action, the flag and the set of pairs. */
export async function payloadHash({ action, remediateSendersCopy, pairs }) {
  const text = [action, remediateSendersCopy, ...pairs.sort()].join("\n");
  return sha256(text);
}

export async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
