// The environment, checked once per isolate.

import * as z from "zod";

import { ACTIONS } from "./payload.js";
import { Problem } from "./problem.js";

const MOST_EMAILS_PER_HOUR = 2_500_000;

const url = z
  .url({ protocol: /^https?$/ })
  .refine((text) => {
    const { protocol, hostname } = new URL(text);
    return protocol === "https:" || ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
  }, "must be https, or http on loopback")
  .transform((text) => text.replace(/\/$/, ""));

const Caller = z
  .strictObject({
    name: z.string().regex(/^(?! )[\w. -]{1,64}(?<! )$/),
    object_id: z.guid().toLowerCase().optional(),
    api_key_sha256: z.array(z.string().regex(/^[0-9a-f]{64}$/i)).min(1).optional(),
    actions: z.array(z.enum(ACTIONS)).min(1),
    role: z.string().regex(/^\S{1,120}$/).optional(),
    recipient_domains: z.array(z.string().min(1).toLowerCase()).min(1),
    senders_copy: z.boolean().default(false),
    whole_messages: z.boolean().default(false),
    max_emails_per_request: z.int().min(1).max(10_000).optional(),
    max_emails_per_hour: z.int().min(1).max(MOST_EMAILS_PER_HOUR).default(10_000),
  })
  .refine((caller) => caller.object_id || caller.api_key_sha256, "has neither object_id nor api_key_sha256")
  .refine((caller) => !(caller.max_emails_per_request > caller.max_emails_per_hour), "may ask for more in a request than in an hour")
  .transform((caller) => ({
    name: caller.name,
    objectId: caller.object_id,
    apiKeys: (caller.api_key_sha256 ?? []).map((digest) => Uint8Array.fromHex(digest)),
    actions: new Set(caller.actions),
    role: caller.role,
    domains: {
      exact: new Set(caller.recipient_domains.map((domain) => domain.replace(/^\*\./, ""))),
      below: caller.recipient_domains.filter((domain) => domain.startsWith("*.")).map((domain) => domain.slice(1)),
    },
    sendersCopy: caller.senders_copy,
    maxEmailsPerRequest: caller.max_emails_per_request ?? Math.min(1_000, caller.max_emails_per_hour),
    maxEmailsPerHour: caller.max_emails_per_hour,
  }));

const Environment = z.object({
  TENANT_ID: z.guid().toLowerCase(),
  CLIENT_ID: z.guid().toLowerCase(),
  CLIENT_SECRET: z.string().min(1),
  AUDIENCE: z.union([z.string(), z.array(z.string())]).default([]),
  CALLERS: z.preprocess((value) => (typeof value === "string" ? JSON.parse(value) : value), z.array(Caller).min(1)),
  GRAPH_VERSION: z.enum(["beta", "v1.0"]).default("beta"),
  GRAPH_URL: url.default("https://graph.microsoft.com"),
  LOGIN_URL: url.default("https://login.microsoftonline.com"),
});

let cached;

/** Returns the isolate's configuration. Logs each error in it once, with the variable's name. */
export function configOf(env) {
  cached ??= read(env);
  if (!cached.config) {
    throw new Problem("misconfigured", "The gateway's configuration is invalid. Its log names each error. Nothing was sent.");
  }
  return cached.config;
}

function read(env) {
  const { success, data, error } = Environment.safeParse(env);
  if (!success) {
    for (const issue of error.issues) {
      console.log(JSON.stringify({ code: "misconfigured", variable: issue.path.join("."), problem: issue.message }));
    }
    return {};
  }
  const audience = [data.AUDIENCE].flat().map((one) => one.replace(/\/$/, ""));
  return {
    config: {
      tenantId: data.TENANT_ID,
      clientId: data.CLIENT_ID,
      clientSecret: data.CLIENT_SECRET,
      // Entra writes an App ID URI with or without a slash at its end.
      audience: audience.flatMap((one) => [one, `${one}/`]),
      callers: data.CALLERS,
      graphVersion: data.GRAPH_VERSION,
      graphUrl: data.GRAPH_URL,
      loginUrl: data.LOGIN_URL,
    },
  };
}
