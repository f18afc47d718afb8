//! Settings for Microsoft, with the cached token that belongs to them.

use super::app_token::AppTokenCache;
use super::settings::GraphSettings;

/// Everything that a call to Microsoft needs.
#[derive(Debug)]
pub struct GraphAccess {
    /// Settings.
    pub settings: GraphSettings,
    /// Cached token for these settings.
    pub app_token: AppTokenCache,
}
