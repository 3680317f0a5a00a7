//! Rules that hold for the text of the house: sizes of files, attributes, and what no file may hold.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Most lines of a source file, its tests apart.
const MAX_LINES: usize = 300;
/// Decision tables, which may be longer.
const TABLES: [&str; 0] = [];
/// Folders that hold no source of ours.
const SKIPPED: [&str; 5] = [".git", ".venv", "node_modules", "target", "proptest-regressions"];

#[test]
fn no_source_file_is_longer_than_three_hundred_lines_before_its_tests() {
    let of_a_crate = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "rs") && is_source(path);
    let files = files();
    let too_long: Vec<String> = files
        .iter()
        .filter(of_a_crate)
        .map(|path| (shown(path), lines_before_tests(&fs::read_to_string(path).unwrap())))
        .filter(|(path, lines)| *lines > MAX_LINES && !TABLES.contains(&path.as_str()))
        .map(|(path, lines)| format!("{path}: {lines}"))
        .collect();
    assert!(
        files.iter().filter(of_a_crate).count() > 50,
        "the search finds no sources"
    );
    assert!(too_long.is_empty(), "split by rule or role: {too_long:#?}");
}

#[test]
fn domain_is_without_std_and_without_unsafe_code() {
    let text = fs::read_to_string(root().join("crates/domain/src/lib.rs")).unwrap();
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        assert!(
            text.lines().any(|line| line == attribute),
            "crates/domain/src/lib.rs lacks {attribute}"
        );
    }
    assert!(
        !text.contains("extern crate std"),
        "domain takes std in by another door"
    );
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for manifest in files().iter().filter(|path| path.ends_with("Cargo.toml")) {
        let text = fs::read_to_string(manifest).unwrap();
        let takes_them = text.contains("[lints]\nworkspace = true\n");
        assert!(takes_them || !is_a_room(manifest), "{} takes no lints", shown(manifest));
    }
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let folders = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/fa", "rm/"),
        concat!("/tmp/", "target"),
    ];
    refuse(&folders, |_| true);
}

#[test]
fn no_file_names_the_host_of_a_package_registry() {
    let hosts = [
        concat!("registry.", "npmjs.org"),
        concat!("files.", "pythonhosted.org"),
        concat!("pypi", ".org"),
        concat!("index.", "crates.io"),
        concat!("static.", "crates.io"),
        concat!("repo.", "maven.apache.org"),
        concat!("proxy.", "golang.org"),
    ];
    refuse(&hosts, |_| true);
}

#[test]
fn no_test_is_ignored_and_no_work_is_left_as_a_mark() {
    let marks = [
        concat!("#[", "ignore"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("allow(dead", "_code"),
    ];
    refuse(&marks, |path| {
        path.extension()
            .is_some_and(|ending| ending == "rs" || ending == "toml" || ending == "sh")
    });
}

#[test]
fn every_test_that_a_port_names_exists() {
    let sources: Vec<PathBuf> = files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect();
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let tests: BTreeSet<String> = sources.iter().flat_map(|path| tests_in(&read(path))).collect();
    let mut promises = 0;
    let mut flaws = Vec::new();
    for path in sources
        .iter()
        .filter(|path| shown(path).starts_with("crates/ports/src/"))
    {
        for item in doc_items(&read(path)) {
            let named = named_keepers(&item);
            let lacks_keeper = item.contains("MUST") && named.is_empty();
            promises += usize::from(item.contains("MUST"));
            if lacks_keeper || !named.iter().all(|name| tests.contains(name)) {
                flaws.push(format!("{}: {item}", shown(path)));
            }
        }
    }
    assert!(promises > 35, "the search finds {promises} promises");
    assert!(flaws.is_empty(), "kept by no test that there is: {flaws:#?}");
}

#[test]
fn every_test_that_the_table_of_hostile_answers_names_exists() {
    let table = fs::read_to_string(root().join("docs/evidence/hostile-answers.md")).unwrap();
    let tests: BTreeSet<String> = files()
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .flat_map(|path| {
            let file = path.file_stem().unwrap().to_string_lossy().into_owned();
            let names = tests_in(&fs::read_to_string(path).unwrap());
            names.into_iter().map(move |name| format!("{file}::{name}"))
        })
        .collect();
    // A table of answers has five columns, the last of which names the tests.
    let rows = table
        .lines()
        .filter(|line| line.matches('|').count() == 6 && line.starts_with("| ") && !line.starts_with("| Answer"));
    let mut seen = 0;
    for row in rows {
        let named: Vec<&str> = row.rsplit('|').nth(1).unwrap().trim().split(", ").collect();
        for name in named {
            let name = name.trim_matches('`');
            assert!(tests.contains(name), "there is no test {name:?}: {row}");
        }
        seen += 1;
    }
    assert!(seen > 35, "the search finds {seen} rows");
}

/// Each item of each list in the docs of a file, on one line.
fn doc_items(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let doc = line.trim_start().strip_prefix("///").map(str::trim);
        match doc {
            Some(doc) if is_open && !doc.is_empty() && !doc.starts_with("- ") => {
                let item = items.last_mut().unwrap();
                item.push(' ');
                item.push_str(doc);
            }
            Some(doc) if !doc.is_empty() => items.push(doc.to_owned()),
            _ => {}
        }
        is_open = doc.is_some_and(|doc| !doc.is_empty());
    }
    items
}

/// The names behind each "kept by", up to the bracket that closes them.
fn named_keepers(item: &str) -> Vec<String> {
    let lists = item.split("(kept by ").skip(1);
    let names = lists.flat_map(|list| list.split(')').next().unwrap().split(", "));
    names.map(|name| name.trim_matches('`').to_owned()).collect()
}

/// The functions of a file that stand under a test attribute.
fn tests_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, signature)) = line.split_once("fn ").filter(|_| is_test) {
            found.extend(signature.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    found
}

/// Fails with every place where a file holds one of these words.
fn refuse(words: &[&str], concerns: impl Fn(&Path) -> bool) {
    let holds = |path: &PathBuf| {
        // What is no text holds no word.
        let text = fs::read_to_string(path).unwrap_or_default();
        let hit = |(number, line): (usize, &str)| {
            words
                .iter()
                .find(|word| line.contains(**word))
                .map(|word| format!("{}:{}: {word}", shown(path), number + 1))
        };
        text.lines().enumerate().filter_map(hit).collect::<Vec<_>>()
    };
    let hits: Vec<String> = files().iter().filter(|path| concerns(path)).flat_map(holds).collect();
    assert!(hits.is_empty(), "{hits:#?}");
}

fn lines_before_tests(text: &str) -> usize {
    text.lines().take_while(|line| *line != "#[cfg(test)]").count()
}

/// Whether a file is a crate's source, not one of its tests: those lie in `tests` or are named for it.
fn is_source(path: &Path) -> bool {
    let shown = shown(path);
    let is_test = shown.contains("/tests/") || shown.ends_with("/tests.rs") || shown.ends_with("_tests.rs");
    shown.starts_with("crates/") && shown.contains("/src/") && !is_test
}

fn is_a_room(manifest: &Path) -> bool {
    shown(manifest).starts_with("crates/")
}

fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                open.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// The path from the top of the repository.
fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
