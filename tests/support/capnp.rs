//! workerd's configuration, as text.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{Setup, Wrangler};

/// Folder of the Durable Objects' data, beside the configuration.
pub(crate) const STORAGE: &str = "storage";

/// File names of the Wasm that replaces the built one, in the gateway and in the Worker in front.
pub(crate) const WASM: &str = "other.wasm";
pub(crate) const FRONT_WASM: &str = "other-front.wasm";

/// Returns the configuration of a Worker on a free loopback port that can reach only loopback.
///
/// `modules` are the names of files beside the configuration, the main module first.
pub(crate) fn config(modules: &[String], wrangler: &Wrangler, setup: &Setup) -> String {
    let mut objects = String::new();
    for object in &wrangler.durable_objects.bindings {
        let class = quoted(&object.class_name);
        let sql = wrangler.is_sqlite(&object.class_name);
        let _ = writeln!(objects, "    (className = {class}, uniqueKey = {class}, enableSql = {sql}),");
    }
    let objects =
        format!("  durableObjectNamespaces = [\n{objects}  ],\n  durableObjectStorage = (localDisk = {STORAGE:?}),\n");
    let own = |object: &str, class: &str| format!("(name = {object}, durableObjectNamespace = {class})");
    let chained = |before: &'static [(&str, &str)]| -> Vec<&str> {
        before.iter().map(|(name, _)| *name).chain(modules.iter().map(String::as_str)).collect()
    };
    let gateway = worker(&chained(setup.before), wrangler, setup, WASM, own, &objects);
    let elsewhere = |object: &str, class: &str| {
        format!("(name = {object}, durableObjectNamespace = (className = {class}, serviceName = \"gateway\"))")
    };
    let front =
        setup.front.as_ref().map(|front| worker(&chained(front.before), wrangler, front, FRONT_WASM, elsewhere, ""));
    let (service, front) = match front {
        Some(front) => ("front", format!("\nconst front :Workerd.Worker = {front};\n")),
        None => ("gateway", String::new()),
    };
    let flags: Vec<_> = setup.v8_flags.iter().map(|flag| quoted(flag)).collect();
    let flags = flags.join(", ");
    let beside = if service == "front" { "    (name = \"front\", worker = .front),\n" } else { "" };
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = .gateway),
{beside}    (name = "internet", network = (allow = ["local"])),
    (name = "{STORAGE}", disk = (path = "{STORAGE}", writable = true)),
  ],
  v8Flags = [{flags}],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "{service}")],
);

const gateway :Workerd.Worker = {gateway};
{front}"#
    )
}

/// Returns the configuration of one Worker.
fn worker(
    modules: &[&str],
    wrangler: &Wrangler,
    setup: &Setup,
    other_wasm: &str,
    object: impl Fn(&str, &str) -> String,
    more: &str,
) -> String {
    let mut bound = String::new();
    for (name, value) in &setup.bindings {
        let (kind, value) = match value {
            Value::String(text) => ("text", text.clone()),
            other => ("json", other.to_string()),
        };
        let _ = writeln!(bound, "    (name = {}, {kind} = {}),", quoted(name), quoted(&value));
    }
    for binding in &wrangler.durable_objects.bindings {
        let _ = writeln!(bound, "    {},", object(&quoted(&binding.name), &quoted(&binding.class_name)));
    }
    let mut embedded = String::new();
    for module in modules {
        let file = quoted(module);
        let wasm = if setup.wasm.is_some() { quoted(other_wasm) } else { file.clone() };
        let _ = match module.strip_suffix(".wasm") {
            Some(_) => writeln!(embedded, "    (name = {}, wasm = embed {wasm}),", quoted(&format!("./{module}"))),
            None => writeln!(embedded, "    (name = {file}, esModule = embed {file}),"),
        };
    }
    let flags: Vec<_> = wrangler.compatibility_flags.iter().map(|flag| quoted(flag)).collect();
    format!(
        r"(
  modules = [
{embedded}  ],
  compatibilityDate = {date},
  compatibilityFlags = [{flags}],
  bindings = [
{bound}  ],
{more})",
        date = quoted(&wrangler.compatibility_date),
        flags = flags.join(", "),
    )
}

/// Returns a text literal of Cap'n Proto, with bytes outside plain ASCII escaped.
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
    fn quoted_literal_escapes_special_characters() {
        assert_eq!(quoted("a \"b\" \\ c\nd é"), r#""a \"b\" \\ c\x0ad \xc3\xa9""#);
    }
}
