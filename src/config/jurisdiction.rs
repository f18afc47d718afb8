//! `LEDGER_JURISDICTION`: where Cloudflare keeps the callers' ledgers.

use serde_json::Value;

use super::error::ConfigErrors;

const NAME: &str = "LEDGER_JURISDICTION";

/// A jurisdiction of Durable Objects. An object runs and stores its data in its jurisdiction only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jurisdiction {
    /// `eu`: the European Union
    Eu,
    /// `fedramp`: data centers that comply with `FedRAMP`
    Fedramp,
}

impl Jurisdiction {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Eu, Self::Fedramp];

    /// Returns Cloudflare's name of the jurisdiction.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eu => "eu",
            Self::Fedramp => "fedramp",
        }
    }

    /// Parses the variable. An empty text is an error, because the ledgers could be in a region that the operator did
    /// not intend.
    pub(super) fn read(value: Option<&Value>, errors: &mut ConfigErrors) -> Option<Self> {
        let value = value.filter(|value| !value.is_null())?;
        let jurisdiction = Self::ALL.into_iter().find(|jurisdiction| value == jurisdiction.as_str());
        if jurisdiction.is_none() {
            errors.add(NAME, "must be \"eu\" or \"fedramp\"; remove it to set no jurisdiction");
        }
        jurisdiction
    }
}
