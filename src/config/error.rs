//! What is wrong with the configuration.

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// The variable, or the place in it: `CALLERS[1].actions`.
    pub variable: String,
    /// What is wrong, and what would be right. Holds no value.
    pub problem: String,
}

/// The errors found so far.
#[derive(Debug, Default)]
pub(super) struct ConfigErrors(pub(super) Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn add(&mut self, variable: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigError { variable: variable.into(), problem: problem.into() });
    }
}
