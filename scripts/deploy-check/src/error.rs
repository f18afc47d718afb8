//! The mistakes that the check finds, each with its correction.

use crate::limits::{MIN_COMPATIBILITY_DATE, MIN_CPU_MS, MIN_SUBREQUESTS};

/// A mistake, and its key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {error}")]
pub(crate) struct Finding {
    /// The variable, or the key in the deployed part: `AUDIENCE[0]`, `routes[0].pattern`.
    pub(crate) key: String,
    /// The mistake.
    pub(crate) error: DeployError,
}

impl Finding {
    pub(crate) fn new(key: impl Into<String>, error: DeployError) -> Self {
        Self { key: key.into(), error }
    }
}

/// A mistake in the deployed configuration. Its text completes "`<key>` …" and shows no value except placeholders.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DeployError {
    /// The file is not TOML.
    #[error("{0}. Correct this line.")]
    NotToml(String),
    /// The file has no part for the environment.
    #[error("is required. Write this part: wrangler deploys it.")]
    NoEnvironment,
    /// The value has a type that wrangler does not expect.
    #[error("has the wrong type. Write it as the wrangler.toml of this repository does.")]
    WrongType,
    /// A placeholder `<…>`.
    #[error("still has its placeholder <{0}>")]
    Placeholder(String),
    /// The Worker's own check rejects the variable.
    #[error("{0}")]
    Variable(String),
    /// The key is missing in the environment, which does not inherit it.
    #[error("is required in this part. Write it here: wrangler does not inherit it from the top level.")]
    NotInherited,
    /// The gateway does not read the variable.
    #[error("is not a variable of the gateway. Correct the spelling, or remove it.")]
    UnknownVariable,
    /// No test runs with the setting.
    #[error("is not a setting that the gateway is tested with. Remove it.")]
    UnknownSetting,
    /// A credential in the file.
    #[error("is a secret and must not be in a file. Remove it, make a new one, and use `wrangler secret put`.")]
    SecretInFile,
    /// `secrets.required` does not name exactly one credential.
    #[error("must hold either CLIENT_SECRET or CLIENT_CERTIFICATE, and nothing else")]
    RequiredSecret,
    /// A variable with the name of a binding.
    #[error("is a binding. Write it in {table}.")]
    BindingAsVariable {
        /// The bindings of its kind.
        table: &'static str,
    },
    /// The emergency stop in the file.
    #[error(
        "must not be in a file. Remove it and use `wrangler secret put STOPPED`, \
         which Cloudflare rejects beside a variable of that name."
    )]
    StopInFile,
    /// `LOGIN_URL` or `GRAPH_URL` would send the credential, or the token for Graph, to another host.
    #[error("must be {expected}. Write that, or remove the line. For a proxy see docs/deploy.md.")]
    ForeignHost {
        /// Microsoft's URL.
        expected: &'static str,
    },
    /// An audience that is neither an `api://` URI nor a GUID.
    #[error("must be the App ID URI (api://…) or the client ID of the gateway's own API. Write one of them.")]
    ForeignAudience,
    /// An audience of a Microsoft API.
    #[error(
        "names a Microsoft API, whose tokens are not for the gateway. Write the gateway's own App ID URI or client ID."
    )]
    MicrosoftAudience,
    /// `name` is missing.
    #[error("is required. Write the Worker's name.")]
    NoName,
    /// The entry point is not the built Worker.
    #[error("must be \"build/index.js\", which `make build` makes")]
    Main,
    /// A build other than the tested one.
    #[error("must be \"make --no-print-directory build\". Write that, or remove [build]: `make deploy` builds before.")]
    BuildCommand,
    /// A build in a release archive, which has no sources.
    #[error("must not be there. Remove [build]: the archive has the built Worker.")]
    BuildInArchive,
    /// The runtime cancels the ledger's pending timers when the caller disconnects.
    #[error("must be {MIN_COMPATIBILITY_DATE} or later. The ledger's pending timers need it.")]
    CompatibilityDate,
    /// Compatibility flags.
    #[error("must be empty. Remove each flag: no test runs with one.")]
    CompatibilityFlags,
    /// A second host name on `workers.dev`, without the zone's rules.
    #[error(
        "must be false. Write `workers_dev = false`: the rules of your zone do not protect a workers.dev host name."
    )]
    WorkersDev,
    /// A public URL for each version.
    #[error("must be false. Write `preview_urls = false`: if it is absent, the dashboard's setting stays.")]
    PreviewUrls,
    /// Preview URLs on the custom domain.
    #[error("must be false. Remove it: each version would have a public URL.")]
    RoutePreviews,
    /// No route.
    #[error("must have an entry. Write `routes = [{{ pattern = \"<host name>\", custom_domain = true }}]`.")]
    NoRoute,
    /// A route in a form other than a custom domain.
    #[error("must be a custom domain. Write {{ pattern = \"<host name>\", custom_domain = true }} in `routes`.")]
    NotCustomDomain,
    /// A pattern with more than a host name.
    #[error("must be a host name in a zone of yours: no scheme, path, port or wildcard, and not on workers.dev")]
    RoutePattern,
    /// A custom domain that is switched off.
    #[error("must be true. Remove it: the gateway would not be reachable.")]
    RouteDisabled,
    /// No Workers Logs.
    #[error("must be true. Write it: without Workers Logs no remediation is logged.")]
    LogsDisabled,
    /// Some requests are not logged.
    #[error("must be 1. Write it, or remove the line: each remediation needs its log entry.")]
    LogsSampled,
    /// The log entries go nowhere.
    #[error("must be true. Remove it, or write `destinations`: the log entries would be lost.")]
    LogsNotKept,
    /// Cloudflare logs each request's URL and headers.
    #[error("must be false. Write `invocation_logs = false`: the default logs each request's URL and headers.")]
    InvocationLogs,
    /// Cloudflare records each request's URL and the client's location.
    #[error("must be false. Remove it: traces record each request's URL and attributes of its client.")]
    Traces,
    /// Another Worker receives each request with its credentials.
    #[error("must be empty. Remove it: a tail Worker can read each request's headers, with the caller's credentials.")]
    TailConsumers,
    /// Variables of the dashboard survive a deployment.
    #[error("must be false. Remove it: variables from the dashboard would stay in force beside this file.")]
    KeepVars,
    /// A CPU limit that ends large requests.
    #[error("must be at least {MIN_CPU_MS}. Write more, or remove it: the largest list of Graph needs it.")]
    CpuLimit,
    /// A limit on subrequests that ends reads and retries.
    #[error("must be at least {MIN_SUBREQUESTS}. Write more, or remove it: the pages of Graph's list need them.")]
    SubrequestLimit,
    /// No migration makes the class with SQLite.
    #[error(
        "must have the class Ledger in new_sqlite_classes. Write the [[migrations]] of this repository's wrangler.toml."
    )]
    LedgerNotCreated,
    /// A migration that deletes, renames or transfers a class.
    #[error(
        "would delete, rename or move the ledger. Remove it: without its records the gateway repeats remediations."
    )]
    LedgerLost,
    /// A class that the gateway does not export.
    #[error("must name the class Ledger alone. Remove the other class.")]
    ExtraClass,
    /// The binding leads to another Worker's objects.
    #[error("must not be there. Remove it: the ledger must be this Worker's own.")]
    LedgerElsewhere,
    /// The daily check does not run, or more than once a day.
    #[error(
        "must have one entry that runs once a day. Write `crons = [\"17 6 * * *\"]` in [triggers]: \
         it logs the expiry of the certificate."
    )]
    NotDaily,
    /// A rate limiter that the gateway does not use.
    #[error("must be RATE_LIMITER, once. Remove every other rate limiter: the gateway does not use it.")]
    ExtraRateLimiter,
    /// A namespace of the rate limiter that Cloudflare rejects.
    #[error("must be a positive integer in quotes. Write one that no other Worker of your account uses.")]
    RateNamespace,
    /// A limit that rejects every request, or that Cloudflare rejects.
    #[error("must be a positive integer. Write the number of requests per period.")]
    RateLimit,
    /// A period that Cloudflare does not have.
    #[error("must be 10 or 60. Cloudflare has no other period, in seconds.")]
    RatePeriod,
    /// A flag that overrides the file.
    #[error("would change what was checked. Remove it from the command, and write the setting in the file.")]
    UncheckedFlag,
}
