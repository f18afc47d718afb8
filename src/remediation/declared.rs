//! The properties of Graph's `analyzedEmail` that its action `remediate` does not need.
//!
//! The action's parameter is a collection of `analyzedEmail`, so callers send the objects that a list of emails
//! returned. The reader checks only that a dropped property is JSON.

/// Every property of `analyzedEmail` and of its base type `entity` in v1.0 and beta, except the two that identify an
/// email, sorted.
///
/// Microsoft's SDKs have all of them except `attachmentsCount` and `urlsCount`, which Graph's documentation has.
pub(crate) const DECLARED: [&str; 38] = [
    "alertIds",
    "attachments",
    "attachmentsCount",
    "authenticationDetails",
    "bulkComplaintLevel",
    "clientType",
    "contexts",
    "detectionMethods",
    "directionality",
    "distributionList",
    "dlpRules",
    "emailClusterId",
    "exchangeTransportRules",
    "forwardingDetail",
    "id",
    "inboundConnectorFormattedName",
    "internetMessageId",
    "language",
    "latestDelivery",
    "loggedDateTime",
    "originalDelivery",
    "overrideSources",
    "phishConfidenceLevel",
    "policy",
    "policyAction",
    "policyType",
    "primaryOverrideSource",
    "recipientDetail",
    "returnPath",
    "senderDetail",
    "sizeInBytes",
    "spamConfidenceLevel",
    "subject",
    "threatDetectionDetails",
    "threatTypes",
    "timelineEvents",
    "urls",
    "urlsCount",
];

/// Returns whether Graph's type declares a dropped property with this name.
pub(super) fn is_declared(name: &str) -> bool {
    DECLARED.binary_search(&name).is_ok()
}

/// Returns the dropped property whose name differs only in case.
pub(super) fn find_ignoring_case(name: &str) -> Option<&'static str> {
    DECLARED.into_iter().find(|declared| declared.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_names_are_sorted_and_found() {
        assert!(DECLARED.is_sorted());
        assert!(DECLARED.iter().all(|name| is_declared(name)));
    }
}
