// The remediation that the JavaScript client programs submit.

/** The body of `POST /remediate` for one email. */
export const remediation = (networkMessageId) => ({
  displayName: "Clean up Phish email",
  description: "Delete email",
  severity: "medium",
  action: "softDelete",
  remediateSendersCopy: false,
  analyzedEmails: [{ networkMessageId, recipientEmailAddress: "hannah.jarvis@contoso.com" }],
});
