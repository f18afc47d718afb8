// What a caller may do. One refused recipient refuses the request.

import { Refusal } from "./problem.js";

const MAX_FAULTS = 50;

export function checkRights(caller, remediation) {
  const { name, actions, domains, maxEmailsPerRequest } = caller;
  const { action, analyzedEmails, indices } = remediation;
  if (!actions.has(action)) {
    throw new Refusal("actionNotAllowed", `The caller "${name}" is not granted the action ${action}.`, {
      errors: [{ pointer: "/action", detail: "is not granted" }],
    });
  }
  if (domains) {
    const refused = indices.filter((_, at) => !covers(domains, analyzedEmails[at].recipientEmailAddress));
    if (refused.length > 0) {
      const listed = refused.length > MAX_FAULTS ? `, of which the first ${MAX_FAULTS} are listed` : "";
      throw new Refusal(
        "recipientNotAllowed",
        `recipient_domains of the caller "${name}" does not cover ${refused.length} of the recipients${listed}. Nothing was sent.`,
        {
          errors: refused.slice(0, MAX_FAULTS).map((index) => ({
            pointer: `/analyzedEmails/${index}/recipientEmailAddress`,
            detail: "is outside the granted domains",
          })),
        },
      );
    }
  }
  if (analyzedEmails.length > maxEmailsPerRequest) {
    throw new Refusal(
      "tooManyEmails",
      `max_emails_per_request of the caller "${name}" is ${maxEmailsPerRequest}; the request has ${analyzedEmails.length}.`,
      { errors: [{ pointer: "/analyzedEmails", detail: "has more emails than are granted" }] },
    );
  }
}

function covers({ exact, below }, address) {
  const domain = ascii(address.slice(address.lastIndexOf("@") + 1));
  return domain !== undefined && (exact.has(domain) || below.some((suffix) => domain.endsWith(suffix)));
}

function ascii(domain) {
  // eslint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(domain) ? domain.toLowerCase() : URL.parse(`https://${domain}`)?.hostname;
}
