//! The public codes of errors: a closed set, part of the contract (section 4).

/// Defines the codes in one table, so that each code has a status, a text and a title, and is in [`Code::ALL`].
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $title:literal;)+) => {
        /// The public code of an error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// All codes, ordered by status.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the code's row in the table.
            const fn row(self) -> (u16, &'static str, &'static str) {
                match self {
                    $(Self::$name => ($status, $code, $title),)+
                }
            }

            /// Returns the status of the response.
            #[must_use]
            pub const fn status(self) -> u16 {
                self.row().0
            }

            /// Returns the code's text in the body and in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                self.row().1
            }

            /// Returns the title: the meaning in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                self.row().2
            }
        }
    };
}

// As in section 4 of the contract.
codes! {
    /// The body is not JSON, repeats a member, or is nested too deep.
    InvalidJson = 400 "invalidJson" "The body is not valid JSON";
    /// The body is not a valid remediation.
    InvalidPayload = 400 "invalidPayload" "The payload is not a valid remediation";
    /// A header or the query is invalid.
    InvalidRequest = 400 "invalidRequest" "The request is malformed";
    /// Graph rejected the remediation.
    GraphRefused = 400 "graphRefused" "Microsoft Graph refused the remediation";
    /// No credentials.
    Unauthenticated = 401 "unauthenticated" "Credentials are required";
    /// Invalid credentials.
    InvalidCredentials = 401 "invalidCredentials" "The credentials are not valid";
    /// The request came over plain HTTP.
    HttpsRequired = 403 "httpsRequired" "HTTPS is required";
    /// Valid credentials of an unknown caller.
    UnknownCaller = 403 "unknownCaller" "The caller is not known";
    /// The caller lacks the permission for the action.
    ActionNotAllowed = 403 "actionNotAllowed" "The action is not granted to the caller";
    /// The caller lacks the permission for the sender's copy.
    SendersCopyNotAllowed = 403 "sendersCopyNotAllowed" "The sender's copy is not granted to the caller";
    /// The caller may not remediate messages without their recipients.
    WholeMessagesNotAllowed = 403 "wholeMessagesNotAllowed" "Remediations of messages are not granted to the caller";
    /// The caller lacks the permission for the recipients.
    RecipientNotAllowed = 403 "recipientNotAllowed" "A recipient is not granted to the caller";
    /// No caller may remediate these recipients.
    RecipientProtected = 403 "recipientProtected" "A recipient is protected";
    /// The request has more emails than the caller's `max_emails_per_request`.
    TooManyEmails = 403 "tooManyEmails" "The request has more emails than the caller is granted";
    /// The messages have more recipients than the request allows.
    TooManyRecipients = 403 "tooManyRecipients" "The messages have more recipients than the request allows";
    /// Unknown path.
    NotFound = 404 "notFound" "There is no such resource";
    /// Graph lists no recipient of the messages.
    MessageNotFound = 404 "messageNotFound" "Microsoft Graph lists no recipient of the messages";
    /// Unsupported method.
    MethodNotAllowed = 405 "methodNotAllowed" "The resource does not have this method";
    /// The same remediation is in flight.
    InProgress = 409 "inProgress" "The same remediation is in progress";
    /// Each recipient that Graph lists is left out.
    NothingToRemediate = 409 "nothingToRemediate" "No listed recipient can be remediated";
    /// Graph responded with 409 for a reason other than a duplicate.
    GraphConflict = 409 "graphConflict" "Microsoft Graph responded with a conflict";
    /// The body is too large.
    PayloadTooLarge = 413 "payloadTooLarge" "The body is too large";
    /// The body is not declared as JSON.
    UnsupportedMediaType = 415 "unsupportedMediaType" "The body must be JSON in UTF-8";
    /// The idempotency key belongs to another payload.
    IdempotencyKeyReused = 422 "idempotencyKeyReused" "The idempotency key belongs to another remediation";
    /// The rate limit of the client's address.
    TooManyRequests = 429 "tooManyRequests" "Too many requests";
    /// The caller's quota of emails per hour is exceeded.
    QuotaExceeded = 429 "quotaExceeded" "The caller's quota is exhausted";
    /// Graph throttles.
    GraphThrottled = 429 "graphThrottled" "Microsoft Graph is throttling";
    /// The gateway's configuration has errors.
    Misconfigured = 500 "misconfigured" "The gateway's configuration is invalid";
    /// A defect of the gateway.
    Internal = 500 "internal" "The gateway failed";
    /// Microsoft rejects the gateway's credential.
    GraphCredentialRejected = 502 "graphCredentialRejected" "Microsoft refused the gateway's credential";
    /// The gateway lacks its permission.
    GraphPermissionMissing = 502 "graphPermissionMissing" "Microsoft Graph denied the gateway";
    /// Microsoft's response is unexpected.
    GraphError = 502 "graphError" "Microsoft Graph answered unexpectedly";
    /// The operator has stopped the gateway.
    Stopped = 503 "stopped" "Remediations are stopped";
    /// The caller's ledger is unavailable.
    LedgerUnavailable = 503 "ledgerUnavailable" "The caller's ledger is unavailable";
    /// Microsoft is unavailable.
    GraphUnavailable = 503 "graphUnavailable" "Microsoft Graph is unavailable";
    /// Microsoft did not respond in time.
    GraphTimeout = 504 "graphTimeout" "Microsoft Graph did not answer in time";
}
