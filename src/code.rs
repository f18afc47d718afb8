//! The public codes of errors: a closed set, part of the contract (section 4).

/// Makes the codes out of their table, so that none can lack its row or be left out of [`Code::ALL`].
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $title:literal;)+) => {
        /// The public code of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// All of them, by status.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The status of the answer.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)+
                }
            }

            /// The code as it stands in the body and in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// What it means, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }
        }
    };
}

// As in section 4 of the contract.
codes! {
    /// Not JSON that says one thing.
    InvalidJson = 400 "invalidJson" "The body is not valid JSON";
    /// Not a remediation.
    InvalidPayload = 400 "invalidPayload" "The payload is not a valid remediation";
    /// A header or query that cannot be taken.
    InvalidRequest = 400 "invalidRequest" "The request is malformed";
    /// Graph refused the remediation.
    GraphRefused = 400 "graphRefused" "Microsoft Graph refused the remediation";
    /// No credentials.
    Unauthenticated = 401 "unauthenticated" "Credentials are required";
    /// Credentials that are no good.
    InvalidCredentials = 401 "invalidCredentials" "The credentials are not valid";
    /// The request came over plain HTTP.
    HttpsRequired = 403 "httpsRequired" "HTTPS is required";
    /// Good credentials of nobody.
    UnknownCaller = 403 "unknownCaller" "The caller is not known";
    /// The caller may not do this.
    ActionNotAllowed = 403 "actionNotAllowed" "The action is not granted to the caller";
    /// The caller may not do it to the sender's copy.
    SendersCopyNotAllowed = 403 "sendersCopyNotAllowed" "The sender's copy is not granted to the caller";
    /// The caller may not do it to them.
    RecipientNotAllowed = 403 "recipientNotAllowed" "A recipient is not granted to the caller";
    /// No caller may do it to them.
    RecipientProtected = 403 "recipientProtected" "A recipient is protected";
    /// The caller may not do it to so many at once.
    TooManyEmails = 403 "tooManyEmails" "The request has more emails than the caller is granted";
    /// No such path.
    NotFound = 404 "notFound" "There is no such resource";
    /// No such method.
    MethodNotAllowed = 405 "methodNotAllowed" "The resource does not have this method";
    /// The same remediation is on its way.
    InProgress = 409 "inProgress" "The same remediation is in progress";
    /// Graph answered 409, but not for a duplicate.
    GraphConflict = 409 "graphConflict" "Microsoft Graph answered a conflict";
    /// The body is too large.
    PayloadTooLarge = 413 "payloadTooLarge" "The body is too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = 415 "unsupportedMediaType" "The body must be JSON in UTF-8";
    /// The key stands for another payload.
    IdempotencyKeyReused = 422 "idempotencyKeyReused" "The idempotency key belongs to another remediation";
    /// The rate limit of the client's address.
    TooManyRequests = 429 "tooManyRequests" "Too many requests";
    /// The caller's emails per hour.
    QuotaExceeded = 429 "quotaExceeded" "The caller's quota is exhausted";
    /// Graph throttles.
    GraphThrottled = 429 "graphThrottled" "Microsoft Graph is throttling";
    /// The gateway's configuration has errors.
    Misconfigured = 500 "misconfigured" "The gateway is not configured";
    /// The gateway failed.
    Internal = 500 "internal" "The gateway failed";
    /// Microsoft refuses the gateway's credential.
    GraphCredentialRejected = 502 "graphCredentialRejected" "Microsoft refused the gateway's credential";
    /// The gateway lacks its permission.
    GraphPermissionMissing = 502 "graphPermissionMissing" "Microsoft Graph denied the gateway";
    /// Microsoft answered something unexpected.
    GraphError = 502 "graphError" "Microsoft Graph answered unexpectedly";
    /// The operator has stopped the gateway.
    Stopped = 503 "stopped" "Remediations are stopped";
    /// The caller's ledger is not available.
    LedgerUnavailable = 503 "ledgerUnavailable" "The caller's ledger is unavailable";
    /// Microsoft is not available.
    GraphUnavailable = 503 "graphUnavailable" "Microsoft Graph is unavailable";
    /// Microsoft did not answer in time.
    GraphTimeout = 504 "graphTimeout" "Microsoft Graph did not answer in time";
}
