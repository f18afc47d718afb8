//! The settings for Microsoft, with the token that was fetched with them.

use super::app_token::AppTokenCache;
use super::settings::GraphSettings;

/// What is needed to call Microsoft with one set of settings.
#[derive(Debug)]
pub struct GraphAccess {
    /// The settings.
    pub settings: GraphSettings,
    /// The token that was fetched with them.
    pub app_token: AppTokenCache,
}
