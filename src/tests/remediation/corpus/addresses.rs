//! `recipientEmailAddress`. A caller's permissions depend on its domain, so most rows are attacks.

use super::{claims, to};
use crate::remediation::{ParseError, parse};

fn error(address: &str) -> Option<String> {
    let body = to(address);
    let found = parse(&body);
    claims::check(&body, &found).unwrap_or_else(|why| panic!("{address:?}: {why}"));
    match found {
        Ok(remediation) => {
            assert_eq!(remediation.emails[0].recipient, address);
            let domain = address.split('@').next_back().unwrap();
            assert_eq!(remediation.emails[0].domain(), domain);
            None
        }
        Err(ParseError::Invalid(errors)) => {
            assert_eq!(errors.total(), 1);
            assert_eq!(errors.listed()[0].pointer, "/analyzedEmails/0/recipientEmailAddress");
            Some(errors.listed()[0].detail.clone())
        }
        Err(ParseError::NotJson(error)) => panic!("{error}"),
    }
}

#[test]
fn mailbox_addresses_are_accepted() {
    let longest_domain = format!("{}.{}.{}.{}", "d".repeat(63), "d".repeat(63), "d".repeat(63), "d".repeat(63));
    for address in [
        "a@b.co",
        "hannah.jarvis@contoso.com",
        "Hannah.Jarvis@CONTOSO.COM",
        "o'brien@contoso.com",
        "first+tag@contoso.com",
        "a_b-c#d$e&f*g/h=i^j`k{l|m}n~o?p@contoso.com",
        // A plus tag, also one that could be UTF-7: that is decoded inside an encoded word alone.
        "user+tag@contoso.com",
        "user+AGA-b@contoso.com",
        "user+@contoso.com",
        // Return paths that name another mailbox behind `=`, which no reader of addresses takes for an `@`: BATV and
        // VERP.
        "prvs=1234567890=user@contoso.com",
        "btv1==0123456789a==user@contoso.com",
        "bounce+a=b.example@contoso.com",
        "list-return-12-user=fabrikam.com@contoso.com",
        "bounces+SRS=Lh0eT=5K@contoso.onmicrosoft.com",
        // A guest of the tenant.
        "user_fabrikam.com#EXT#@contoso.onmicrosoft.com",
        "srs0@contoso.com",
        "srs.team@contoso.com",
        "a/b@contoso.com",
        "/a@contoso.com",
        "a&b#c@contoso.com",
        "a_x0040@contoso.com",
        "a_x0041_b@contoso.com",
        "xn--a@contoso.com",
        "1@1.example",
        "a@sub.sub.contoso.co.uk",
        "a@xn--mnchen-3ya.example",
        "a@b--c.example",
        "imcea@contoso.com",
        // Addresses that exist although RFC 5321 and 1123 disagree.
        "try..this..0511@docomo.ne.jp",
        "xxx.yyy.@docomo.ne.jp",
        ".a@ezweb.ne.jp",
        "...a...@docomo.ne.jp",
        "ops@mail_relay.fabrikam.com",
        "ops@_mail.fabrikam.com",
        "ops@mail_.fabrikam.com",
        "a@mail_x1.fabrikam.com",
        "a@mail_x002e.fabrikam.com",
        "a@x002e_mail.fabrikam.com",
        "imceable.person@contoso.com",
        "jörg.müller@münchen.example",
        "用户@例子.广告",
        "пользователь@пример.рф",
        "अ@उदाहरण.भारत",
        &format!("{}@contoso.com", "l".repeat(64)),
        &format!("{}@contoso.com", "é".repeat(64)),
        &format!("{}@{longest_domain}", "l".repeat(64)),
    ] {
        assert_eq!(error(address), None, "{address}");
    }
}

#[test]
fn invalid_address_is_rejected_with_a_reason() {
    let label = "d".repeat(63);
    let three = format!("{label}.{label}.{label}");
    for (address, reason) in [
        ("", "is empty"),
        ("contoso.com", "with an '@'"),
        ("a%40contoso.com", "with an '@'"),
        ("a＠contoso.com", "with an '@'"),
        ("a﹫contoso.com", "with an '@'"),
        ("@contoso.com", "1 to 64 characters before"),
        ("a@", "1 to 255 characters after"),
        ("@", "1 to 64 characters before"),
        ("user@contoso.com@evil.example", "a single '@'"),
        ("user@@contoso.com", "a single '@'"),
        ("evil.example＠x@contoso.com", "not accepted there"),
        ("\"a@evil.example\"@contoso.com", "contains '\"'"),
        ("\"a\"@contoso.com", "contains '\"'"),
        ("Hannah <hannah@contoso.com>", "has a display name"),
        ("<hannah@contoso.com>", "is enclosed in angle brackets"),
        ("mailto:hannah@contoso.com", "starts with the prefix \"mailto:\""),
        ("SMTP:hannah@contoso.com", "starts with the prefix \"SMTP:\""),
        ("a@contoso.com,b@evil.example", "is a list of addresses"),
        ("a@contoso.com;b@evil.example", "is a list of addresses"),
        ("a@evil.example(@contoso.com)", "contains '('"),
        ("a@contoso.com ", "ends with U+0020 (space)"),
        (" a@contoso.com", "starts with U+0020 (space)"),
        ("a b@contoso.com", "contains U+0020"),
        ("@evil.example:a@contoso.com", "contains ':'"),
        ("a%evil.example@contoso.com", "route through another domain"),
        ("a%40evil.example@contoso.com", "route through another domain"),
        ("evil.example!a@contoso.com", "route through another domain"),
        ("IMCEASMTP-a+40evil+2Eexample@contoso.com", "encapsulated"),
        ("imceaex-_O=CONTOSO_CN=a@contoso.com", "encapsulated"),
        ("a\\b@contoso.com", "not accepted there"),
        ("a\t@contoso.com", "contains U+0009"),
        ("a\r\nbcc@contoso.com", "contains U+000D"),
        ("a\0@contoso.com", "contains U+0000"),
        ("a\u{7f}@contoso.com", "contains U+007F"),
        ("a\u{a0}@contoso.com", "contains U+00A0"),
        ("a\u{202e}@contoso.com", "contains U+202E"),
        ("a\u{200b}@contoso.com", "contains U+200B"),
        ("a\u{3164}@contoso.com", "contains U+3164"),
        ("ａ@contoso.com", "not accepted there"),
        ("𝐚@contoso.com", "not accepted there"),
        ("😀@contoso.com", "not accepted there"),
        ("a@contoso.com.", "between single dots"),
        ("a@.contoso.com", "between single dots"),
        ("a@contoso..com", "between single dots"),
        ("a@localhost", "two or more parts"),
        ("a@[1.2.3.4]", "not an IP address"),
        ("a@[IPv6:::1]", "contains ':'"),
        ("a@[IPv6]", "not an IP address"),
        ("a@1.2.3.4", "not an IP address"),
        ("a@contoso.1", "not an IP address"),
        ("a@-contoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@contoso-.com", "letters, digits, inner hyphens and underscores"),
        ("a@contoso$.com", "letters, digits, inner hyphens and underscores"),
        ("a@mail_relay", "two or more parts"),
        ("a@_-.contoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@contoso.com/x", "letters, digits, inner hyphens and underscores"),
        ("a@contoso.com\\x", "letters, digits, inner hyphens and underscores"),
        ("a@contoso.com?x", "letters, digits, inner hyphens and underscores"),
        ("a@contoso.com#x", "letters, digits, inner hyphens and underscores"),
        ("a@contoso%2ecom.example", "letters, digits, inner hyphens and underscores"),
        ("a@contoso.com\0.evil.example", "contains U+0000"),
        ("a@contoso.com\n", "ends with U+000A (line feed)"),
        ("a@evil。contoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@evil．contoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@evil⒈contoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@evil℀contoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@\u{202e}moc.osotnoc", "contains U+202E"),
        ("a@con\u{200d}toso.com", "contains U+200D"),
        ("a@con\u{ad}toso.com", "contains U+00AD"),
        ("a@ｃｏｎｔｏｓｏ.com", "letters, digits, inner hyphens and underscores"),
        ("a@ⓒontoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@𝐜ontoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@\u{212a}ontoso.com", "letters, digits, inner hyphens and underscores"),
        ("a@contoſo.com", "letters, digits, inner hyphens and underscores"),
        ("a@conto\u{2e2}o.com", "letters, digits, inner hyphens and underscores"),
        ("a@\u{1c6}ungla.example", "letters, digits, inner hyphens and underscores"),
        ("a@\u{1112}\u{1161}\u{11ab}.example", "letters, digits, inner hyphens and underscores"),
        ("a@stra\u{df}e.example", "letters, digits, inner hyphens and underscores"),
        ("a@STRA\u{1e9e}E.example", "letters, digits, inner hyphens and underscores"),
        ("a@\u{130}stanbul.example", "letters, digits, inner hyphens and underscores"),
        ("a@μέλος.example", "letters, digits, inner hyphens and underscores"),
        ("a@ﬁne.example", "letters, digits, inner hyphens and underscores"),
        ("a@mu\u{308}nchen.example", "letters, digits, inner hyphens and underscores"),
        ("a@😀.example", "letters, digits, inner hyphens and underscores"),
        (&format!("{}@contoso.com", "l".repeat(65)), "1 to 64 characters before"),
        (&format!("a@{label}d.example"), "each of 1 to 63"),
        (&format!("a@{three}.{}", "d".repeat(64)), "1 to 255 characters after"),
        (&format!("{}@{three}.{label}.d", "l".repeat(64)), "more than 320 characters"),
        (&"a@".repeat(500_000), "more than 320 characters"),
    ] {
        let found = error(address).unwrap_or_else(|| panic!("{address:?} was taken"));
        assert!(found.contains(reason), "{address:?}: {found}");
    }
}

#[test]
fn text_other_than_one_plain_address_is_rejected_with_a_reason() {
    for (address, reason) in [
        ("Hannah Jarvis", "with an '@'"),
        ("Hannah Jarvis ", "with an '@'"),
        ("/o=ExchangeLabs/ou=Exchange Administrative Group/cn=Recipients/cn=hannah", "with an '@'"),
        ("X500:/o=ExchangeLabs/cn=hannah", "with an '@'"),
        ("\"Jarvis, Hannah\" <hannah@contoso.com>", "has a display name"),
        ("Hannah<hannah@contoso.com>", "has a display name"),
        ("<a@contoso.com>,<b@contoso.com>", "is a list of addresses"),
        ("a@contoso.com b@contoso.com", "is a list of addresses"),
        ("Hannah hannah@contoso.com", "contains U+0020 (space), which is not accepted"),
        ("a,b@contoso.com", "contains ','"),
        ("hannah@contoso,com", "contains ','"),
        ("hannah@contoso.com;", "contains ';'"),
        ("'a'@'contoso.com'", "inner hyphens"),
    ] {
        let found = error(address).unwrap_or_else(|| panic!("{address:?} was taken"));
        assert!(found.contains(reason), "{address:?}: {found}");
    }
}

/// Each invalid address with its correction: the error names the reason, and the correction is accepted.
#[test]
fn address_with_prefix_suffix_or_quotes_is_rejected_with_a_reason() {
    let right = "hannah.jarvis@contoso.com";
    for (before, after, reason) in [
        ("", " ", "ends with U+0020 (space), which is invisible; remove it"),
        ("", "\u{a0}", "ends with U+00A0 (no-break space), which is invisible; remove it"),
        ("", "\u{200b}", "ends with U+200B"),
        ("", "\r", "ends with U+000D (carriage return)"),
        ("", "\u{2007}", "ends with U+2007, which is invisible; remove it"),
        ("\t", "", "starts with U+0009 (tab)"),
        ("\u{feff}", "", "starts with U+FEFF (byte order mark)"),
        ("SMTP:", "", "starts with the prefix \"SMTP:\"; send the address without it"),
        ("smtp:", "", "starts with the prefix \"smtp:\""),
        ("Smtp:", "", "starts with the prefix \"SMTP:\""),
        ("mailto:", "", "starts with the prefix \"mailto:\""),
        ("MAILTO:", "", "starts with the prefix \"mailto:\""),
        ("SIP:", "", "starts with the prefix \"SIP:\""),
        ("'", "'", "is enclosed in quotes; send the address without them"),
        ("\"", "\"", "is enclosed in quotes"),
        ("\u{201c}", "\u{201d}", "is enclosed in quotes"),
        ("<", ">", "is enclosed in angle brackets"),
        ("(", ")", "is enclosed in parentheses"),
    ] {
        let wrong = format!("{before}{right}{after}");
        let found = error(&wrong).unwrap_or_else(|| panic!("{wrong:?} was taken"));
        assert!(found.contains(reason), "{wrong:?}: {found}");
    }
    assert_eq!(error(right), None);
}

/// Forms from the literature on address parsers, in addition to those above: see [`crate::remediation::address`].
#[test]
fn address_that_some_reader_resolves_to_another_domain_is_rejected() {
    for (address, reason) in [
        ("@evil.example,@b.example:a@contoso.com", "contains ','"),
        ("evil.example!b!a@contoso.com", "route through another domain"),
        ("evil.example::a@contoso.com", "contains ':'"),
        ("=?utf-8?q?user=40evil.example=3e=00?=@contoso.com", "encoded word"),
        ("=?UTF-8?Q?user?=@contoso.com", "encoded word"),
        ("=?x?b?dXNlckBldmlsLmV4YW1wbGU?=@contoso.com", "encoded word"),
        ("=?utf-7?q?user+AEA-evil.example?=@contoso.com", "encoded word"),
        ("=?iso-8859-1?q?=61=62=63?=x@contoso.com", "encoded word"),
        ("x=?utf-8?q?y?=z@contoso.com", "encoded word"),
        ("=?utf-8?q?user@contoso.com", "encoded word"),
        ("user?=@contoso.com", "encoded word"),
        ("a=?b@contoso.com", "encoded word"),
        ("é=?b@contoso.com", "encoded word"),
        ("user&#64evil.example@contoso.com", "another notation"),
        ("user&#x40evil.example@contoso.com", "another notation"),
        ("user_x0040_evil.example@contoso.com", "another notation"),
        ("user_X0040_evil.example@contoso.com", "another notation"),
        ("user_x00000040_evil.example@contoso.com", "another notation"),
        ("SRS0=HHH=TT=evil.example=user@contoso.com", "rewritten sender"),
        ("srs1+HHH=forwarder.example==HHH=TT=evil.example=user@contoso.com", "rewritten sender"),
        ("srs0-HHH=TT=evil.example=user@contoso.com", "rewritten sender"),
        ("a@evil_x002e_example.contoso.com", "another notation"),
        ("a@evil.example_x0040_contoso.com", "another notation"),
        ("a@evil.example_X0000002F_.contoso.com", "another notation"),
        ("a@b.evil_x3002_contoso.com", "another notation"),
        ("/C=US/ADMD=X/O=evil/S=user/@contoso.com", "X.400"),
        ("/dd.rfc-822=user/@contoso.com", "X.400"),
        ("a@contoso.com(comment)", "contains '('"),
        ("a@(comment)contoso.com", "contains '('"),
        ("\"a\\@evil.example\"@contoso.com", "contains '\"'"),
        ("a@evil.example> ORCPT=b@contoso.com", "is a list of addresses"),
    ] {
        let found = error(address).unwrap_or_else(|| panic!("{address:?} was taken"));
        assert!(found.contains(reason), "{address:?}: {found}");
    }
}
