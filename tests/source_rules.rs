//! Rules that hold for the text of the house: sizes of files, attributes, and what no file may hold.

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
