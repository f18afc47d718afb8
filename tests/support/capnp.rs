//! workerd's configuration, as text.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Bindings, Wrangler};

/// The name of the folder, beside the configuration, that Durable Objects keep their data in.
pub(crate) const STORAGE: &str = "storage";

/// One Worker on a free port of loopback, which may reach nothing but loopback. `modules` are the names of files beside the configuration,
/// that of the main one first.
pub(crate) fn config(modules: &[String], wrangler: &Wrangler, bindings: &Bindings) -> String {
    let mut embedded = String::new();
    for module in modules {
        let file = quoted(module);
        let _ = match module.strip_suffix(".wasm") {
            Some(_) => writeln!(embedded, "    (name = {}, wasm = embed {file}),", quoted(&format!("./{module}"))),
            None => writeln!(embedded, "    (name = {file}, esModule = embed {file}),"),
        };
    }
    let mut bound = String::new();
    for (name, value) in bindings {
        let (kind, value) = match value {
            Value::String(text) => ("text", text.clone()),
            other => ("json", other.to_string()),
        };
        let _ = writeln!(bound, "    (name = {}, {kind} = {}),", quoted(name), quoted(&value));
    }
    let mut objects = String::new();
    for object in &wrangler.durable_objects.bindings {
        let (name, class) = (quoted(&object.name), quoted(&object.class_name));
        let sql = wrangler.is_sqlite(&object.class_name);
        let _ = writeln!(bound, "    (name = {name}, durableObjectNamespace = {class}),");
        let _ = writeln!(objects, "    (className = {class}, uniqueKey = {class}, enableSql = {sql}),");
    }
    let flags: Vec<_> = wrangler.compatibility_flags.iter().map(|flag| quoted(flag)).collect();
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = .gateway),
    (name = "internet", network = (allow = ["local"])),
    (name = "storage", disk = (path = "{STORAGE}", writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "gateway")],
);

const gateway :Workerd.Worker = (
  modules = [
{embedded}  ],
  compatibilityDate = {date},
  compatibilityFlags = [{flags}],
  bindings = [
{bound}  ],
  durableObjectNamespaces = [
{objects}  ],
  durableObjectStorage = (localDisk = "storage"),
);
"#,
        date = quoted(&wrangler.compatibility_date),
        flags = flags.join(", "),
    )
}

/// A text literal of Cap'n Proto. What is not plain ASCII is written byte by byte.
fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => literal.extend(['\\', char::from(byte)]),
            b' '..=b'~' => literal.push(char::from(byte)),
            _ => {
                let _ = write!(literal, "\\x{byte:02x}");
            }
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quotes_what_would_end_or_change_a_literal() {
        assert_eq!(quoted("a \"b\" \\ c\nd é"), r#""a \"b\" \\ c\x0ad \xc3\xa9""#);
    }
}
