//! Errors of the configuration.

/// An error of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// The variable, or the location in it: `CALLERS[1].actions`.
    pub variable: String,
    /// The violated rule and the correction, without the value.
    pub problem: String,
}

/// The errors found so far.
#[derive(Debug, Default)]
pub(super) struct ConfigErrors(pub(super) Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn add(&mut self, variable: impl Into<String>, problem: impl Into<String>) {
        self.0.push(ConfigError { variable: variable.into(), problem: problem.into() });
    }

    /// Returns the value that was read from `variable`, or adds its problem.
    pub(super) fn check<T>(&mut self, variable: impl Into<String>, read: Result<T, impl Into<String>>) -> Option<T> {
        read.map_err(|problem| self.add(variable, problem)).ok()
    }
}
