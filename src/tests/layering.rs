//! Layout of the source: permitted imports between rooms, and no circular imports between files or rooms.
//!
//! A room is a file or a folder directly below `src`. Imports are `use` lines and paths that start with `crate::` or
//! `super::`, in all files except tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_dir;
use std::path::Path;

/// Rooms of the gateway from top to bottom, each with the lower rooms that it may import.
const GATEWAY: &[(&str, &str)] = &[
    ("worker", "gateway caches ledger log graph http config runtime remediation deadline gzip json secret time"),
    (
        "gateway",
        "caches log problem code auth preconditions ledger expansion graph http config openapi route remediation runtime deadline guid json secret status time",
    ),
    ("caches", "log auth graph config runtime secret"),
    ("problem", "code auth preconditions ledger expansion graph http route remediation runtime time"),
    ("auth", "http config remediation runtime deadline guid json secret time"),
    ("preconditions", "http guid percent secret"),
    ("ledger", "log expansion graph remediation runtime deadline time"),
    ("log", "code config remediation status"),
    ("expansion", "status graph config remediation runtime guid time"),
    ("status", "graph remediation time"),
    ("graph", "config remediation runtime deadline guid json percent secret time"),
    ("http", "secret"),
    ("config", "remediation runtime dns guid json secret time"),
    ("openapi", "json"),
    ("json", "remediation"),
    ("route", "remediation"),
    ("remediation", "dns guid gzip time"),
    ("runtime", "secret time"),
    ("code", ""),
    ("deadline", ""),
    ("dns", ""),
    ("guid", ""),
    ("gzip", ""),
    ("percent", ""),
    ("secret", ""),
    ("time", ""),
];

/// Source files by path below `src`.
type Tree = BTreeMap<String, String>;

/// Pairs of importing and imported file.
type Imports = BTreeSet<(String, String)>;

#[test]
fn each_room_of_the_gateway_imports_only_rooms_below_it() {
    let imports = imports(&tree("src"));
    assert_eq!(upward(GATEWAY), Vec::<String>::new(), "the table is not in order from top to bottom");
    assert_eq!(forbidden(&imports, GATEWAY), Vec::<String>::new());
}

#[test]
fn files_and_rooms_have_no_circular_imports() {
    for folder in ["src", "sandbox/src", "bench/src"] {
        let imports = imports(&tree(folder));
        assert!(imports.len() > 10, "{folder}: {imports:?}");
        assert_eq!(circular(&imports), Imports::new(), "{folder}: files");
        assert_eq!(circular(&rooms(&imports)), Imports::new(), "{folder}: rooms");
    }
}

/// The test checks the checker itself on a small tree, with each way to write an import.
#[test]
fn upward_or_circular_import_is_found() {
    const TABLE: &[(&str, &str)] = &[("top", "middle low"), ("middle", "low"), ("low", "")];
    let good = [
        ("lib.rs", "mod low;\nmod middle;\nmod top;\n"),
        ("top.rs", "use crate::{low, middle::Thing};\n// crate::nowhere\n"),
        ("middle/mod.rs", "mod part;\nmod other;\npub use part::Thing;\n"),
        ("middle/part.rs", "use super::other::{self, Other};\npub struct Thing(crate::low::Low);\n"),
        ("middle/other.rs", "pub struct Other;\n#[cfg(test)]\nmod tests {\n    use crate::top;\n}\n"),
        ("low.rs", "pub struct Low;\n"),
    ];
    let with = |path: &str, more: &str| {
        let mut tree: Tree = good.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        tree.entry(path.to_owned()).or_default().insert_str(0, more);
        imports(&tree)
    };
    assert_eq!(forbidden(&with("low.rs", ""), TABLE), Vec::<String>::new());
    assert_eq!(circular(&with("low.rs", "")), Imports::new());

    for (path, planted) in [
        ("low.rs", "use crate::top::Top;\n"),
        ("low.rs", "use super::middle::Thing;\n"),
        ("low.rs", "use crate::{\n    middle::{Thing},\n};\n"),
        ("low.rs", "fn f() -> crate::middle::Thing {}\n"),
        ("low.rs", "    use crate::middle;\n"),
        ("middle/other.rs", "use super::super::top;\n"),
        ("unknown.rs", "use crate::low;\n"),
    ] {
        assert_eq!(forbidden(&with(path, planted), TABLE).len(), 1, "{path}: {planted}");
    }
    for (path, planted, files) in [
        ("low.rs", "use crate::middle;\n", ["low.rs", "middle/mod.rs", "middle/part.rs"].as_slice()),
        ("middle/other.rs", "use super::part::Thing;\n", &["middle/other.rs", "middle/part.rs"]),
        ("middle/other.rs", "use super::Thing;\n", &["middle/mod.rs", "middle/other.rs", "middle/part.rs"]),
        ("middle/part.rs", "use crate::middle::Thing;\n", &["middle/mod.rs", "middle/part.rs"]),
    ] {
        let found: BTreeSet<String> = circular(&with(path, planted)).into_iter().map(|(from, _)| from).collect();
        assert_eq!(found, files.iter().map(|file| (*file).to_owned()).collect(), "{path}: {planted}");
    }
    // Rooms can be circular even if files are not.
    let crossed = with("middle/other.rs", "use crate::low;\n");
    assert_eq!(circular(&crossed), Imports::new());
    let crossed = with("low.rs", "use crate::middle::other::Other;\n");
    assert_eq!(circular(&crossed), Imports::new());
    assert_eq!(circular(&rooms(&crossed)).len(), 2);
    assert_eq!(upward(&[("low", "top"), ("top", "")]), Vec::<String>::new());
    assert_eq!(upward(TABLE), Vec::<String>::new());
    assert_eq!(upward(&[("low", ""), ("top", "low absent")]), ["top -> low", "top -> absent"]);
}

/// Type names are unique, including tests.
#[test]
fn each_type_name_occurs_once() {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    let mut files = Tree::new();
    collect(&root().join("src"), "", true, &mut files);
    for (path, text) in &files {
        for line in text.lines() {
            let line = line.trim_start();
            let line = line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
            let name = ["struct ", "enum ", "trait ", "union "].iter().find_map(|kind| line.strip_prefix(kind));
            if let Some(name) = name {
                let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                found.entry(name.to_owned()).or_default().push(path.clone());
            }
        }
    }
    let repeated: Vec<_> = found.into_iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(repeated.is_empty(), "{repeated:#?}");
}

/// A file without a module declaration is not compiled, so its tests never run.
#[test]
fn each_file_is_declared() {
    let mut files = Tree::new();
    collect(&root().join("src"), "", true, &mut files);
    let modules: BTreeMap<Vec<&str>, &String> = files.iter().map(|(path, text)| (module(path), text)).collect();
    for module in modules.keys() {
        if let Some((name, parent)) = module.split_last() {
            let declaration = format!("mod {name};");
            let is_declared = modules.get(parent).is_some_and(|text| text.contains(&declaration));
            assert!(is_declared, "{declaration} is missing in the parent of {module:?}");
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tree(folder: &str) -> Tree {
    let mut tree = Tree::new();
    collect(&root().join(folder), "", false, &mut tree);
    tree
}

/// Reads the Rust files of a folder, including test files only if `tests` is set.
fn collect(folder: &Path, prefix: &str, tests: bool, tree: &mut Tree) {
    for entry in read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            if tests || name != "tests" {
                collect(&entry.path(), &format!("{path}/"), tests, tree);
            }
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") && (tests || name != "tests.rs") {
            tree.insert(path, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// Returns the module path of a file, which is empty for the root.
fn module(path: &str) -> Vec<&str> {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    if ["lib", "main", "mod"].contains(&path) { Vec::new() } else { path.split('/').collect() }
}

/// Returns the imports between files.
fn imports(tree: &Tree) -> Imports {
    let files: BTreeMap<Vec<&str>, &String> = tree.keys().map(|path| (module(path), path)).collect();
    let mut imports = Imports::new();
    for (path, text) in tree {
        let module = module(path);
        for import in paths(text) {
            let steps: Vec<&str> = import.split("::").collect();
            let (base, steps) = match steps.split_first() {
                Some((&"crate", steps)) => ([].as_slice(), steps),
                Some((&"self", steps)) => (module.as_slice(), steps),
                _ => (module.as_slice(), steps.as_slice()),
            };
            let ups = steps.iter().take_while(|step| **step == "super").count();
            let absolute = [&base[..base.len().saturating_sub(ups)], &steps[ups..]].concat();
            // The longest prefix of the path that is a file.
            let file = (0..=absolute.len()).rev().find_map(|length| files.get(&absolute[..length]));
            if let Some(file) = file
                && *file != path
            {
                imports.insert((path.clone(), (*file).clone()));
            }
        }
    }
    imports
}

/// Returns the paths in a file: those of `use` lines, those that start with `crate::` or `super::`, and those that
/// start with a declared module.
fn paths(text: &str) -> Vec<String> {
    let text = text.split("\nmod tests {").next().unwrap();
    let mut inside = false;
    let code: Vec<String> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| {
            inside = if inside {
                line != "}"
            } else {
                line.contains("mod ") && line.ends_with('{') && !line.starts_with(' ')
            };
            // In an inline module, `super` is the file.
            if inside { line.replacen("super::", "self::", 1) } else { line.to_owned() }
        })
        .collect();
    let children: Vec<&str> = code
        .iter()
        .filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name))
        .filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .collect();
    let whole = code.join("\n");
    let begins = |step: &str| ["crate", "super", "self"].contains(&step) || children.contains(&step);
    let mut found = Vec::new();
    for statement in whole.split("use ").skip(1) {
        // A match without a semicolon is another kind of word.
        if let Some((tree, _)) = statement.split_once(';') {
            expand("", &tree.split_whitespace().collect::<Vec<_>>().join(" "), &mut found);
        }
    }
    let is_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    found.extend(
        whole
            .split(|c: char| !is_of_path(c))
            .filter(|word| word.contains("::") && !word.ends_with(':'))
            .map(str::to_owned),
    );
    found.retain(|path| path.split("::").next().is_some_and(begins));
    found
}

/// Returns the paths of a `use` tree.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    if let Some(group) = tree.strip_prefix('{') {
        let group = group.strip_suffix('}').unwrap_or(group);
        let mut depth = 0;
        let between = |c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && c == ','
        };
        for part in group.split(between) {
            expand(prefix, part, found);
        }
    } else if let Some((step, rest)) = tree.split_once("::") {
        expand(&format!("{prefix}{step}::"), rest, found);
    } else if !tree.is_empty() {
        let name = tree.split(' ').next().unwrap();
        let path = if name == "self" { prefix.trim_end_matches(':').to_owned() } else { format!("{prefix}{name}") };
        found.push(path);
    }
}

fn room(path: &str) -> String {
    path.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
}

/// Returns the imports between rooms.
fn rooms(imports: &Imports) -> Imports {
    imports.iter().map(|(from, to)| (room(from), room(to))).filter(|(from, to)| from != to).collect()
}

/// Returns the imports that the table does not allow. The root may import every room.
fn forbidden(imports: &Imports, table: &[(&str, &str)]) -> Vec<String> {
    let allowed = |from: &str, to: &str| {
        table.iter().any(|(room, below)| *room == from && below.split(' ').any(|room| room == to))
    };
    rooms(imports)
        .iter()
        .filter(|(from, to)| from != "lib" && !allowed(from, to))
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect()
}

/// Returns the table's entries that do not point downwards.
fn upward(table: &[(&str, &str)]) -> Vec<String> {
    let place = |name: &str| table.iter().position(|(room, _)| *room == name);
    let mut upward = Vec::new();
    for (at, (room, below)) in table.iter().enumerate() {
        for name in below.split(' ').filter(|name| !name.is_empty()) {
            if place(name).is_none_or(|place| place <= at) {
                upward.push(format!("{room} -> {name}"));
            }
        }
    }
    upward
}

/// Returns the imports that are part of a circle.
fn circular(imports: &Imports) -> Imports {
    let leads_back = |(from, to): &&(String, String)| {
        let mut seen = BTreeSet::from([to]);
        let mut waiting = vec![to];
        while let Some(next) = waiting.pop() {
            let further = imports.iter().filter(|(importing, _)| importing == next).map(|(_, imported)| imported);
            waiting.extend(further.filter(|imported| seen.insert(imported)));
        }
        seen.contains(from)
    };
    imports.iter().filter(leads_back).cloned().collect()
}
