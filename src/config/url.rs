//! URLs of Microsoft's services: only scheme and authority.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dns::{MAX_NAME_LENGTH, is_label};

/// Returns `text` as a base URL without a trailing slash: `https`, or `http` with a loopback host (contract, section
/// 9).
///
/// # Errors
///
/// The violated rule, without the value.
pub(super) fn parse_base(text: &str) -> Result<String, &'static str> {
    let (secure, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(authority), _) => (true, authority),
        (None, Some(authority)) => (false, authority),
        (None, None) => return Err("must start with https:// (or http:// for a loopback host)"),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, port) = split_port(authority);
    if !port.is_none_or(is_port) {
        return Err("has a port that is not one of 1 to 65535");
    }
    if !is_host(host) {
        return Err("must be a scheme and a host with an optional port: no path, query, fragment or user name");
    }
    if !secure && !is_loopback(host) {
        return Err("must be https: http is for loopback hosts only");
    }
    Ok(format!("{}://{}", if secure { "https" } else { "http" }, authority.to_ascii_lowercase()))
}

/// Returns the host and the port. The port follows the last colon outside an IPv6 literal.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn parse_ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_host(host: &str) -> bool {
    parse_ipv6(host).is_some() || host.len() <= MAX_NAME_LENGTH && host.split('.').all(is_label)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || parse_ipv6(host).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::parse_base;

    #[test]
    fn base_url_is_accepted_only_if_https_or_loopback_origin() {
        for (text, expected) in [
            ("https://graph.microsoft.com", Some("https://graph.microsoft.com")),
            ("https://Graph.Microsoft.com/", Some("https://graph.microsoft.com")),
            ("https://127.0.0.1:8443", Some("https://127.0.0.1:8443")),
            ("http://127.0.0.1:8788", Some("http://127.0.0.1:8788")),
            ("http://127.9.9.9", Some("http://127.9.9.9")),
            ("http://localhost:8788/", Some("http://localhost:8788")),
            ("http://[::1]:8788", Some("http://[::1]:8788")),
            ("https://[2001:db8::1]", Some("https://[2001:db8::1]")),
            ("http://graph.microsoft.com", None),
            ("http://127.0.0.1.evil.com", None),
            ("http://localhost.evil.com", None),
            ("http://localhost@evil.com", None),
            ("https://graph.microsoft.com@evil.com", None),
            ("https://graph.microsoft.com/beta", None),
            ("https://graph.microsoft.com?x", None),
            ("https://graph.microsoft.com#x", None),
            ("https://graph.microsoft.com\\x", None),
            ("https://graph..com", None),
            ("https://-graph.com", None),
            ("https://", None),
            ("https:///", None),
            ("https://:443", None),
            ("https://graph.microsoft.com:", None),
            ("https://graph.microsoft.com:0", None),
            ("https://graph.microsoft.com:65536", None),
            ("https://graph.microsoft.com:+80", None),
            ("HTTPS://graph.microsoft.com", None),
            ("ftp://graph.microsoft.com", None),
            ("graph.microsoft.com", None),
            (" https://graph.microsoft.com", None),
        ] {
            assert_eq!(parse_base(text).ok().as_deref(), expected, "{text}");
        }
    }
}
