//! What the tests share with a deployment: `wrangler.toml`.

use std::fs;

use serde::Deserialize;

use crate::{Bindings, Failure, root};

/// The parts of `wrangler.toml` that decide how the Worker runs.
#[derive(Clone, Debug, Deserialize)]
pub struct Wrangler {
    /// The module that the Worker starts with.
    pub main: String,
    /// The date at which the runtime's behaviour is frozen.
    pub compatibility_date: String,
    /// Exceptions from that date.
    #[serde(default)]
    pub compatibility_flags: Vec<String>,
    /// The development variables.
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
    /// Reads the file of this checkout.
    ///
    /// # Errors
    /// Where it is missing, is no TOML, or lacks what is needed.
    pub fn read() -> Result<Self, Failure> {
        Ok(toml::from_str(&fs::read_to_string(root().join("wrangler.toml"))?)?)
    }

    /// The same for a Worker that has no Durable Objects.
    #[must_use]
    pub fn without_objects(mut self) -> Self {
        self.durable_objects.bindings.clear();
        self
    }

    /// Whether the class keeps its data in `SQLite`.
    pub(crate) fn is_sqlite(&self, class: &str) -> bool {
        self.migrations.iter().any(|migration| migration.new_sqlite_classes.iter().any(|name| name == class))
    }
}
