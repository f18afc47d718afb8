//! Runs the tests of one binary one after another, on one runtime and one sandbox.

use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

use libtest_mimic::{Arguments, Failed, Trial};
use reqwest::RequestBuilder;
use sandbox::{Sandbox, Settings, TokenRequest};
use serde_json::Value;
use tokio::{runtime::Runtime, sync::watch};

use crate::{API_KEY, Bindings, Failure, Gateway, NEXT_API_KEY, Setup, Usage, Wrangler};

/// Client secret of the gateway in the sandbox. Its form is Entra ID's, so that a leak is easy to see.
const CLIENT_SECRET: &str = "acc8Q~the-client-secret-of-the-acceptance-tests";

/// Result of a test. Tests use `?` for failed operations and `assert!` for wrong results.
pub type TestResult = Result<(), Failure>;

/// Gateway and sandbox of a test. The harness clears the sandbox's record and the gateway's output before each test.
pub struct World {
    /// Gateway with the variables of [`World::bindings`].
    pub gateway: Gateway,
    /// Emulated Entra ID and Graph.
    pub sandbox: Sandbox,
    bindings: Bindings,
    /// Log of each gateway, including ended ones, and the number of lines already checked for leaks.
    logs: Mutex<Vec<(watch::Receiver<Vec<String>>, usize)>>,
}

impl World {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let sandbox = Sandbox::start(Settings::new(CLIENT_SECRET)).await?;
        let mut bindings = Wrangler::read()?.vars;
        for name in ["LOGIN_URL", "GRAPH_URL"] {
            bindings.insert(name.to_owned(), Value::from(sandbox.base_url()));
        }
        bindings.insert("CLIENT_SECRET".to_owned(), Value::from(CLIENT_SECRET));
        let gateway = Gateway::start(&bindings).await?;
        let logs = Mutex::new(vec![(gateway.log(), 0)]);
        Ok(Self { gateway, sandbox, bindings, logs })
    }

    /// Returns the development variables of `wrangler.toml` with the sandbox's address and secret.
    #[must_use]
    pub fn bindings(&self) -> Bindings {
        self.bindings.clone()
    }

    /// Returns [`bindings`](Self::bindings) with `over` applied. A null removes a variable.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "callers pass a literal")]
    pub fn bindings_with(&self, over: Value) -> Bindings {
        let mut bindings = self.bindings();
        for (name, value) in over.as_object().into_iter().flatten() {
            bindings.insert(name.clone(), value.clone());
        }
        bindings.retain(|_, value| !value.is_null());
        bindings
    }

    /// Starts another gateway with [these variables](Self::bindings_with).
    ///
    /// # Errors
    /// Returns an error if the gateway does not start.
    pub async fn gateway_with(&self, over: Value) -> Result<Gateway, Failure> {
        self.gateway_as(&self.bindings_with(over).into()).await
    }

    /// Starts another gateway with this setup.
    ///
    /// # Errors
    /// Returns an error if the gateway does not start.
    pub async fn gateway_as(&self, setup: &Setup) -> Result<Gateway, Failure> {
        let gateway = Gateway::set_up(setup).await?;
        self.watch(&gateway);
        Ok(gateway)
    }

    /// Restarts `gateway` on its storage with this setup.
    ///
    /// # Errors
    /// Returns an error if the gateway does not start.
    pub async fn deploy(&self, gateway: &mut Gateway, setup: &Setup) -> Result<(), Failure> {
        gateway.start_again_as(setup).await?;
        self.watch(gateway);
        Ok(())
    }

    fn watch(&self, gateway: &Gateway) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).push((gateway.log(), 0));
    }

    /// Issues a new token of the development caller.
    #[must_use]
    pub fn token(&self) -> String {
        self.sandbox.issue_token(&TokenRequest::default())
    }

    /// Checks the log of every gateway of this binary for secrets and addresses (contract, section 10).
    fn check_for_leaks(&self) -> TestResult {
        let tokens = self.sandbox.issued_tokens();
        // A token's signature is the part that only its issuer can create.
        let secrets = tokens.iter().filter_map(|token| token.rsplit('.').next());
        let secrets: Vec<&str> = secrets.chain([CLIENT_SECRET, API_KEY, NEXT_API_KEY]).collect();
        for (log, seen) in self.logs.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            let log = log.borrow();
            // Each line is checked once, so that a leak fails only the test that caused it.
            let lines = log.iter().skip(std::mem::replace(seen, log.len()));
            for line in lines {
                // Every address has this sign, and no legitimate log line has it.
                if line.contains('@') || secrets.iter().any(|secret| line.contains(secret)) {
                    return Err(format!("a token, key, secret or address was logged: {line}").into());
                }
            }
        }
        Ok(())
    }

    /// Checks the lines that were logged after the last test's check, once no more lines can follow.
    async fn check_last_lines(&mut self) -> TestResult {
        // The runtime handles requests in order, so this response follows all earlier log lines.
        self.gateway.get("/healthz").send().await?;
        self.gateway.kill();
        let mut logs = self.logs.get_mut().unwrap_or_else(PoisonError::into_inner).clone();
        for (log, _) in &mut logs {
            // Wait until both pipes of the process are at their end.
            while log.changed().await.is_ok() {}
        }
        self.check_for_leaks()
    }

    /// Creates a remediation request of the development caller.
    pub fn remediate(&self, payload: &Value) -> RequestBuilder {
        self.gateway.post("/remediate").bearer_auth(self.token()).json(payload)
    }
}

/// Named test.
pub struct Test {
    name: &'static str,
    run: TestFunction,
    ignored: bool,
}

type TestFunction = Box<dyn FnOnce(&Runtime, &World) -> TestResult + Send>;

impl Test {
    /// Creates a test. The macro [`tests!`](crate::tests) passes the function's name.
    pub fn new(name: &'static str, test: impl AsyncFnOnce(&World) -> TestResult + Send + 'static) -> Self {
        Self { name, run: Box::new(move |runtime, world| runtime.block_on(test(world))), ignored: false }
    }

    /// Ignores this test on systems that do not report the [`Usage`] of a process.
    #[must_use]
    pub fn requires_usage(self) -> Self {
        Self { ignored: Usage::of(std::process::id()).is_none(), ..self }
    }
}

/// Creates a list of [`Test`]s from the names of their functions.
#[macro_export]
macro_rules! tests {
    ($($test:path),+ $(,)?) => { vec![$($crate::Test::new(stringify!($test), $test)),+] };
}

/// Runs a test binary with the usual arguments and the usual summary line.
#[must_use]
pub fn run(tests: Vec<Test>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Tests run one at a time, because the sandbox's record belongs to the running test.
    arguments.test_threads = Some(1);
    if arguments.list {
        return run_trials(&arguments, trials(tests, |_| Ok(())));
    }
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return print_error(&error),
    };
    let world = match runtime.block_on(World::start()) {
        Ok(world) => world,
        Err(error) => return print_error(&error),
    };
    let shared = Arc::new(Mutex::new((runtime, world)));
    let trials = trials(tests, {
        let shared = Arc::clone(&shared);
        move |test| {
            // A panicked test leaves no state behind that affects the next test.
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let (runtime, world) = &mut *shared;
            let failed = |error: Failure| Failed::from(error.to_string());
            world.sandbox.clear();
            world.gateway.forget_output();
            let outcome = catch_unwind(AssertUnwindSafe(|| (test.run)(runtime, world)));
            // A leak is more important than a failed result, and a panic has already been reported.
            world.check_for_leaks().map_err(failed)?;
            outcome.unwrap_or_else(|panic| resume_unwind(panic)).map_err(failed)
        }
    });
    let exit_code = run_trials(&arguments, trials);
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    let (runtime, world) = &mut *shared;
    runtime.block_on(world.check_last_lines()).map_or_else(|error| print_error(&error), |()| exit_code)
}

fn trials(tests: Vec<Test>, run: impl Fn(Test) -> Result<(), Failed> + Clone + Send + 'static) -> Vec<Trial> {
    tests
        .into_iter()
        .map(|test| {
            let (run, ignored) = (run.clone(), test.ignored);
            Trial::test(test.name, move || run(test)).with_ignored_flag(ignored)
        })
        .collect()
}

fn run_trials(arguments: &Arguments, trials: Vec<Trial>) -> ExitCode {
    libtest_mimic::run(arguments, trials).exit_code()
}

#[expect(clippy::print_stderr, reason = "no test can report this error")]
fn print_error(error: &dyn Display) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
