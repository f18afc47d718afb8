//! Settings of `wrangler.toml`, which the tests share with deployments.

use std::fs;

use serde::Deserialize;

use crate::{Bindings, Failure, root};

/// Parts of `wrangler.toml` that decide how the Worker runs.
#[derive(Clone, Debug, Deserialize)]
pub struct Wrangler {
    /// Main module.
    pub main: String,
    /// Date that fixes the runtime's behaviour.
    pub compatibility_date: String,
    /// Exceptions to the behaviour of that date.
    #[serde(default)]
    pub compatibility_flags: Vec<String>,
    /// Development variables.
    pub vars: Bindings,
    #[serde(default)]
    pub(crate) durable_objects: DurableObjects,
    #[serde(default)]
    pub(crate) migrations: Vec<Migration>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct DurableObjects {
    pub(crate) bindings: Vec<DurableObject>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DurableObject {
    pub(crate) name: String,
    pub(crate) class_name: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Migration {
    #[serde(default)]
    new_sqlite_classes: Vec<String>,
}

impl Wrangler {
    /// Reads the checkout's `wrangler.toml`.
    ///
    /// # Errors
    /// Returns an error if the file is missing, is not TOML, or lacks a required setting.
    pub fn read() -> Result<Self, Failure> {
        Ok(toml::from_str(&fs::read_to_string(root().join("wrangler.toml"))?)?)
    }

    /// Returns the settings of a Worker without Durable Objects.
    #[must_use]
    pub fn without_objects(mut self) -> Self {
        self.durable_objects.bindings.clear();
        self
    }

    /// Returns whether the class stores its data in `SQLite`.
    pub(crate) fn is_sqlite(&self, class: &str) -> bool {
        self.migrations.iter().any(|migration| migration.new_sqlite_classes.iter().any(|name| name == class))
    }
}
