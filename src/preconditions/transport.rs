//! The scheme of a request: https, or plain HTTP on loopback.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The connection does not protect the request's credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request did not come over https")]
pub struct NotHttps;

/// Checks the scheme of the request's URL. Plain HTTP is accepted only if the URL's host is a loopback host, for the
/// sandbox and the tests.
///
/// `host` is the URL's host, with the port if the URL has one.
///
/// # Errors
///
/// [`NotHttps`].
pub fn check_transport(scheme: &str, host: &str) -> Result<(), NotHttps> {
    if scheme == "https" || scheme == "http" && is_loopback(host) { Ok(()) } else { Err(NotHttps) }
}

/// Returns whether `host` is exactly `localhost`, an address in 127.0.0.0/8, or `[::1]`.
fn is_loopback(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let ipv6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || ipv6.is_some_and(|address| address.parse() == Ok(Ipv6Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_accepted_for_every_host() {
        for host in ["gateway.example", "gateway.example:443", "127.0.0.1:8787", "localhost", "[::1]", ""] {
            assert_eq!(check_transport("https", host), Ok(()), "{host}");
        }
    }

    #[test]
    fn plain_http_is_accepted_only_for_loopback_hosts() {
        for host in [
            "localhost",
            "LocalHost",
            "localhost:8787",
            "127.0.0.1",
            "127.0.0.1:1",
            "127.1.2.3",
            "127.255.255.255:65535",
            "[::1]",
            "[::1]:8787",
            "[0:0:0:0:0:0:0:1]",
        ] {
            assert_eq!(check_transport("http", host), Ok(()), "{host}");
        }
        for host in [
            "gateway.example",
            "gateway.example:80",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil.example:127.0.0.1",
            "evil-localhost",
            "localhost-evil",
            "xlocalhost",
            "localhost.",
            "localhost:80:80",
            "localhost:x",
            "localhost@evil.example",
            "localhost:80@evil.example",
            "evil.example@localhost",
            "evil.example#localhost",
            "localhost ",
            " localhost",
            "localhost\\.evil.example",
            "local\u{ad}host",
            "\u{ff4c}ocalhost",
            "127.0.0.1.",
            "127.0.0",
            "127.1",
            "127.0.0.01",
            "127.0.0.256",
            "0127.0.0.1",
            "0x7f.0.0.1",
            "2130706433",
            "0.0.0.0",
            "128.0.0.1",
            "126.255.255.255",
            "10.0.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "::1",
            "[::2]",
            "[::]",
            "[::1",
            "[::1].evil.example",
            "[::1]:8787@evil.example",
            "[::ffff:127.0.0.1]",
            "[::1%25eth0]",
            "[fe80::1]",
            "[localhost]",
            "ip6-localhost",
            "",
            ":8787",
        ] {
            assert_eq!(check_transport("http", host), Err(NotHttps), "{host}");
        }
    }

    #[test]
    fn unknown_scheme_is_rejected_for_every_host() {
        for scheme in ["", "ws", "wss", "ftp", "HTTPS", "HTTP", "httpx", "https:", "file"] {
            for host in ["gateway.example", "localhost", "127.0.0.1"] {
                assert_eq!(check_transport(scheme, host), Err(NotHttps), "{scheme} {host}");
            }
        }
    }
}
