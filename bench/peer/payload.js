// The payload: what it must be, everything that is wrong with it, and what goes to Graph.

import * as z from "zod";

import { isAddress } from "./address.js";
import { notInEnum, unknownMember } from "./hints.js";
import { pointer } from "./json.js";
import { Refusal } from "./problem.js";

export const ACTIONS = ["moveToJunk", "moveToInbox", "hardDelete", "softDelete", "moveToDeletedItems", "moveToQuarantine"];
const SEVERITIES = ["low", "medium", "high"];
const MAX_EMAILS = 10_000;
const MAX_FAULTS = 50;

/** A text that shows something, of so many characters. */
const caption = (most) =>
  z
    .string({ error: kind("must be a string") })
    .refine((text) => /[^\s\p{Cc}\p{Cf}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]/u.test(text), "must not be empty or blank")
    .refine((text) => text.length <= most || [...text].length <= most, `must have at most ${most} characters`);

/** A text of at most so many characters. */
const note = (most) =>
  z
    .string({ error: kind("must be a string") })
    .refine((text) => text.length <= most || [...text].length <= most, `must have at most ${most} characters`);

const oneOf = (members) =>
  z.enum(members, {
    error: (issue) => (typeof issue.input === "string" ? notInEnum(issue.input, members) : kind("must be a string")(issue)),
  });

const AnalyzedEmail = z.strictObject(
  {
    networkMessageId: z.guid({ error: kind("must be a GUID of 8-4-4-4-12 hexadecimal digits") }).toLowerCase(),
    recipientEmailAddress: z.stringFormat("address", isAddress, {
      error: kind('must be one bare address such as "user@contoso.com"'),
    }),
  },
  { error: kind('must be an object of "networkMessageId" and "recipientEmailAddress"') },
);

const Remediation = z.strictObject(
  {
    displayName: caption(256),
    description: note(1024),
    severity: oneOf(SEVERITIES),
    action: oneOf(ACTIONS),
    remediateSendersCopy: z.union([z.boolean(), z.stringbool({ truthy: ["true"], falsy: ["false"] })], {
      error: kind("must be true or false"),
    }),
    analyzedEmails: z
      .array(AnalyzedEmail, { error: kind("must be an array of emails") })
      .min(1, `must have 1 to ${MAX_EMAILS} items`)
      .max(MAX_EMAILS, `must have 1 to ${MAX_EMAILS} items`),
  },
  { error: kind("the body must be an object") },
);

/** The message for a value of a wrong kind; other faults have messages of their own. */
function kind(expected) {
  return (issue) => {
    if (issue.code === "unrecognized_keys") {
      return undefined;
    }
    if (issue.input === undefined) {
      return "is required, and missing";
    }
    return issue.input === null ? `is required, and null counts as missing; ${expected}` : expected;
  };
}

/** The remediation that the value is, without repeated pairs; or everything that is wrong with it. */
export function readRemediation(value) {
  let { success, data, error } = Remediation.safeParse(value);
  if (!success && error.issues.some((issue) => issue.keys?.some(isAnnotation))) {
    ({ success, data, error } = Remediation.safeParse(withoutAnnotations(value)));
  }
  if (!success) {
    throw faulty(error.issues);
  }
  return withoutDuplicates(data);
}

const isAnnotation = (name) => name.includes("@odata.");

/** SDKs write OData annotations beside the members. They are accepted and dropped. */
function withoutAnnotations(value) {
  if (Array.isArray(value)) {
    return value.map(withoutAnnotations);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  const members = Object.entries(value).filter(([name]) => !isAnnotation(name));
  return Object.fromEntries(members.map(([name, member]) => [name, withoutAnnotations(member)]));
}

function faulty(issues) {
  const faults = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((name) => ({ pointer: pointer([...issue.path, name]), detail: unknownMember(issue.path, name) }))
      : [{ pointer: pointer(issue.path), detail: issue.message }],
  );
  const more = faults.length - MAX_FAULTS;
  const count = faults.length === 1 ? "a fault" : `${faults.length} faults`;
  const detail = `The payload has ${count}${more > 0 ? `: the first ${MAX_FAULTS} are listed and ${more} left out` : ""}.`;
  const reason = `the payload has ${count}`;
  return new Refusal("invalidPayload", detail, { errors: faults.slice(0, MAX_FAULTS), reason });
}

/** Keeps the first of pairs that differ in case at most, with the places that the emails had in the body. */
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

/** The body for Graph. */
export function graphRequest(remediation) {
  const { displayName, description, severity, action, remediateSendersCopy, analyzedEmails } = remediation;
  return JSON.stringify({ displayName, description, severity, action, remediateSendersCopy, analyzedEmails });
}

/** What the remediation does, as a digest: the action, the flag and the set of pairs. */
export async function fingerprint({ action, remediateSendersCopy, pairs }) {
  const text = [action, remediateSendersCopy, ...pairs.sort()].join("\n");
  return sha256(text);
}

export async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}
