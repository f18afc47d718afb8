//! The committed file, and values for its placeholders.

pub(crate) const COMMITTED: &str = include_str!("../../../wrangler.toml");

/// Each placeholder of the committed file, without its brackets, and a value for it.
const VALUES: [(&str, &str); 7] = [
    ("host name of the gateway", "gateway.contoso.com"),
    ("tenant id", "aaaabbbb-0000-cccc-1111-dddd2222eeee"),
    ("client id of the gateway", "00001111-aaaa-2222-bbbb-3333cccc4444"),
    ("client id of the API", "11112222-bbbb-3333-cccc-4444dddd5555"),
    ("object id of the playbook's managed identity", "aaaaaaaa-bbbb-cccc-1111-222222222222"),
    ("SHA-256 of the key, from make key", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ("domain of the mailboxes", "contoso.com"),
];

/// Returns the committed file with all placeholders replaced except `left`.
pub(crate) fn filled_except(left: Option<&str>) -> String {
    VALUES.iter().filter(|(name, _)| left != Some(name)).fold(COMMITTED.to_owned(), |text, (name, value)| {
        assert!(text.contains(&format!("<{name}>")), "{name} is not a placeholder");
        text.replace(&format!("<{name}>"), value)
    })
}
