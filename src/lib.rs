//! The remediation gateway: a Cloudflare Worker between security playbooks and Microsoft Graph's `analyzedEmail: remediate`.
