//! The sandbox: Entra ID and Microsoft Graph on loopback, speaking exactly what is known of them.
