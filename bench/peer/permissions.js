// Checks the caller's permissions. One denied recipient rejects the request.

import { Problem } from "./problem.js";

const MAX_ERRORS = 50;

export function checkPermissions(caller, remediation) {
  const { name, actions, domains, sendersCopy, maxEmailsPerRequest } = caller;
  const { action, remediateSendersCopy, analyzedEmails, indices } = remediation;
  if (!actions.has(action)) {
    throw new Problem("actionNotAllowed", `The caller "${name}" is not granted the action ${action}. Nothing was sent.`);
  }
  if (remediateSendersCopy && !sendersCopy) {
    const detail = `senders_copy of the caller "${name}" does not grant the sender's copy. Nothing was sent.`;
    throw new Problem("sendersCopyNotAllowed", detail);
  }
  const denied = indices.filter((_, at) => !covers(domains, analyzedEmails[at].recipientEmailAddress));
  if (denied.length > 0) {
    const errors = denied.slice(0, MAX_ERRORS).map((index) => ({
      pointer: `/analyzedEmails/${index}/recipientEmailAddress`,
      detail: "is outside the granted domains",
    }));
    const detail = `recipient_domains of the caller "${name}" does not cover ${denied.length} of the recipients. Nothing was sent.`;
    throw new Problem("recipientNotAllowed", detail, { errors });
  }
  if (analyzedEmails.length > maxEmailsPerRequest) {
    const detail = `max_emails_per_request of the caller "${name}" is ${maxEmailsPerRequest}. Nothing was sent.`;
    throw new Problem("tooManyEmails", detail);
  }
}

function covers({ exact, below }, address) {
  const domain = address.slice(address.lastIndexOf("@") + 1).toLowerCase();
  return exact.has(domain) || below.some((suffix) => domain.endsWith(suffix));
}
