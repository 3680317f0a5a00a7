//! The dependency rule of the house, read from `cargo metadata`:
//!
//! ```text
//! cli -> app (features off: domain + ports alone) -> adapters-idp, adapters-storage -> ports -> domain -> nothing of ours
//! ```
//!
//! Who wants a new edge or crate changes the table here and says why in the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::Command;

use serde_json::Value;

/// One crate of ours and all that it may name as a dependency of its own.
struct Room {
    name: &'static str,
    /// Crates of ours: the edges as drawn.
    ours: &'static [&'static str],
    /// Crates of others, optional ones included.
    others: &'static [&'static str],
    /// Crates of ours that only its tests use.
    ours_in_tests: &'static [&'static str],
}

const ROOMS: [Room; 8] = [
    Room {
        name: "vestibule-domain",
        ours: &[],
        others: &["thiserror", "unicode-normalization", "zeroize"],
        ours_in_tests: &[],
    },
    Room {
        name: "vestibule-ports",
        ours: &["vestibule-domain"],
        others: &["async-trait", "mockall", "thiserror", "tokio", "zeroize"],
        ours_in_tests: &[],
    },
    Room {
        name: "vestibule-adapters-idp",
        ours: &["vestibule-domain", "vestibule-ports"],
        others: &[
            "async-trait",
            "aws-lc-rs",
            "base64",
            "bytes",
            "hkdf",
            "http",
            "httpdate",
            "huskarl",
            "jiff",
            "minicbor",
            "percent-encoding",
            "reqwest",
            "rustls",
            "rustls-platform-verifier",
            "serde",
            "serde_json",
            "sha2",
            "subtle",
            "thiserror",
            "tokio",
            "tracing",
            "url",
            "zeroize",
        ],
        ours_in_tests: &["vestibule-dev-idp", "vestibule-ports"],
    },
    Room {
        name: "vestibule-adapters-storage",
        ours: &["vestibule-domain", "vestibule-ports"],
        others: &[
            "argon2",
            "async-trait",
            "chacha20poly1305",
            "hkdf",
            "hmac",
            "minicbor",
            "rustix",
            "sha2",
            "subtle",
            "thiserror",
            "tokio",
            "tracing",
            "unicode-normalization",
            "unicode-properties",
            "zeroize",
        ],
        ours_in_tests: &["vestibule-ports"],
    },
    Room {
        name: "vestibule",
        ours: &[
            "vestibule-domain",
            "vestibule-ports",
            "vestibule-adapters-idp",
            "vestibule-adapters-storage",
        ],
        others: &[
            "arc-swap",
            "async-trait",
            "futures-core",
            "futures-util",
            "getrandom",
            "minicbor",
            "rustix",
            "thiserror",
            "tokio",
            "tracing",
            "zeroize",
        ],
        ours_in_tests: &["vestibule-dev-idp", "vestibule-ports"],
    },
    Room {
        name: "vestibule-cli",
        ours: &["vestibule", "vestibule-dev-idp"],
        others: &[
            "async-trait",
            "clap",
            "clap_complete",
            "jiff",
            "rustix",
            "serde",
            "serde_json",
            "tokio",
            "toml",
            "tracing",
            "tracing-subscriber",
            "zeroize",
        ],
        ours_in_tests: &["vestibule-adapters-storage"],
    },
    Room {
        name: "vestibule-dev-idp",
        ours: &[],
        others: &[
            "async-trait",
            "aws-lc-rs",
            "axum",
            "base64",
            "httpdate",
            "hyper",
            "hyper-util",
            "percent-encoding",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "tracing-subscriber",
            "url",
        ],
        ours_in_tests: &[],
    },
    Room {
        name: "vestibule-tests",
        ours: &[],
        others: &["serde_json"],
        ours_in_tests: &[
            "vestibule",
            "vestibule-adapters-idp",
            "vestibule-adapters-storage",
            "vestibule-dev-idp",
            "vestibule-domain",
            "vestibule-ports",
        ],
    },
];

/// A crate of ours, optional dependencies in or out, and what must not be reached from it by any path.
type Closed = (&'static str, Optional, &'static [&'static str]);

const CLOSED: [Closed; 7] = [
    (
        "vestibule-domain",
        Optional::In,
        &[
            "async-trait",
            "getrandom",
            "hyper",
            "libc",
            "rand",
            "rustix",
            "serde",
            "serde_json",
            "tokio",
            "tracing",
        ],
    ),
    (
        "vestibule-ports",
        Optional::Out,
        &[
            "argon2",
            "chacha20poly1305",
            "getrandom",
            "huskarl",
            "hyper",
            "mockall",
            "reqwest",
            "rustix",
            "rustls",
            "serde",
            "url",
        ],
    ),
    (
        "vestibule-adapters-idp",
        Optional::In,
        &[
            "argon2",
            "axum",
            "clap",
            "vestibule-adapters-storage",
            "vestibule-dev-idp",
        ],
    ),
    (
        "vestibule-adapters-storage",
        Optional::In,
        &[
            "axum",
            "clap",
            "huskarl",
            "hyper",
            "reqwest",
            "rustls",
            "url",
            "vestibule-adapters-idp",
            "vestibule-dev-idp",
        ],
    ),
    (
        "vestibule",
        Optional::Out,
        &[
            "argon2",
            "axum",
            "chacha20poly1305",
            "clap",
            "huskarl",
            "hyper",
            "mockall",
            "reqwest",
            "rustls",
            "url",
            "vestibule-adapters-idp",
            "vestibule-adapters-storage",
            "vestibule-dev-idp",
        ],
    ),
    (
        "vestibule",
        Optional::In,
        &["axum", "clap", "mockall", "proptest", "vestibule-dev-idp"],
    ),
    (
        "vestibule-dev-idp",
        Optional::In,
        &[
            "argon2",
            "clap",
            "huskarl",
            "reqwest",
            "vestibule-domain",
            "vestibule-ports",
        ],
    ),
];

/// What nothing of ours may reach at all.
const NOWHERE: [&str; 3] = ["native-tls", "openssl", "openssl-sys"];

/// Crates that one room alone may name.
const OWNED: [(&str, &[&str]); 5] = [
    ("argon2", &["vestibule-adapters-storage"]),
    ("chacha20poly1305", &["vestibule-adapters-storage"]),
    ("clap", &["vestibule-cli"]),
    ("huskarl", &["vestibule-adapters-idp"]),
    (
        "reqwest",
        &[
            "vestibule-adapters-idp",
            "vestibule-dev-idp (tests)",
            "vestibule-tests (tests)",
        ],
    ),
];

/// What only tests may use, or the `mocks` of ports.
const FOR_TESTS: [&str; 3] = ["mockall", "proptest", "tempfile"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Optional {
    In,
    Out,
}

/// A dependency as a manifest of ours states it.
#[derive(Debug)]
struct Stated {
    name: String,
    in_tests: bool,
    optional: bool,
    features: Vec<String>,
}

/// What `cargo metadata` says of this workspace, on this platform.
struct Workspace {
    /// Our crates by name.
    stated: BTreeMap<String, Vec<Stated>>,
    features: BTreeMap<String, Vec<String>>,
    /// The resolved crates by id, and where each leads outside of tests.
    names: BTreeMap<String, String>,
    edges: BTreeMap<String, Vec<String>>,
}

impl Workspace {
    /// All packages that `cargo test --workspace` needs are there when this runs, so that the network is not asked.
    fn read() -> Self {
        let metadata = cargo(&[
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &host(),
        ]);
        let metadata: Value = serde_json::from_str(&metadata).unwrap();
        let members: BTreeSet<&str> = list(&metadata["workspace_members"]).map(text).collect();
        let ours = || list(&metadata["packages"]).filter(|package| members.contains(text(&package["id"])));
        let stated = |package: &Value| list(&package["dependencies"]).map(Stated::read).collect();
        let edges = |node: &Value| {
            let outside_tests = |dep: &&Value| list(&dep["dep_kinds"]).any(|kind| kind["kind"] != "dev");
            list(&node["deps"])
                .filter(outside_tests)
                .map(|dep| text(&dep["pkg"]).into())
                .collect()
        };
        Self {
            stated: ours()
                .map(|package| (text(&package["name"]).into(), stated(package)))
                .collect(),
            features: ours()
                .map(|package| (text(&package["name"]).into(), feature_words(package)))
                .collect(),
            names: list(&metadata["packages"])
                .map(|package| (text(&package["id"]).into(), text(&package["name"]).into()))
                .collect(),
            edges: list(&metadata["resolve"]["nodes"])
                .map(|node| (text(&node["id"]).into(), edges(node)))
                .collect(),
        }
    }

    fn id(&self, name: &str) -> &str {
        self.names
            .iter()
            .find(|(_, named)| *named == name)
            .map(|(id, _)| id.as_str())
            .unwrap()
    }

    /// Every crate that is reached from one of ours outside of tests, with the path to it. Features of other people's
    /// crates are those of the whole workspace: it may name too much, never too little.
    fn reached(&self, from: &str, optional: Optional) -> BTreeMap<String, String> {
        let mut reached = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![(self.id(from).to_owned(), from.to_owned(), optional)];
        while let Some((id, path, optional)) = open.pop() {
            let name = &self.names[&id];
            for next in &self.edges[&id] {
                let next_name = &self.names[next];
                let is_out = |stated: &Stated| stated.name == *next_name && !stated.in_tests && stated.optional;
                let left_out = self.stated.get(name).is_some_and(|stated| stated.iter().any(is_out));
                if (left_out && optional == Optional::Out) || !seen.insert(next.clone()) {
                    continue;
                }
                let path = format!("{path} -> {next_name}");
                reached.insert(next_name.clone(), path.clone());
                // An edge to a crate of ours takes none of its optional parts along: `mocks` is for tests.
                open.push((next.clone(), path, Optional::Out));
            }
        }
        reached
    }
}

impl Stated {
    fn read(dependency: &Value) -> Self {
        Self {
            name: text(&dependency["name"]).into(),
            in_tests: dependency["kind"] == "dev",
            optional: dependency["optional"] == true,
            features: list(&dependency["features"])
                .map(|feature| text(feature).into())
                .collect(),
        }
    }
}

#[test]
fn every_crate_of_ours_has_its_room() {
    let workspace = Workspace::read();
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|room| room.name).collect();
    assert_eq!(
        workspace.stated.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        rooms
    );
}

#[test]
fn our_crates_depend_on_each_other_as_drawn() {
    let workspace = Workspace::read();
    let is_ours = |stated: &&Stated| workspace.stated.contains_key(&stated.name);
    for room in &ROOMS {
        let stated = || workspace.stated[room.name].iter().filter(is_ours);
        let edges: BTreeSet<&str> = stated()
            .filter(|dep| !dep.in_tests)
            .map(|dep| dep.name.as_str())
            .collect();
        assert_eq!(edges, room.ours.iter().copied().collect(), "edges of {}", room.name);
        for dep in stated().filter(|dep| dep.in_tests) {
            assert!(
                room.ours_in_tests.contains(&dep.name.as_str()),
                "tests of {} -> {}",
                room.name,
                dep.name
            );
        }
    }
}

#[test]
fn a_crate_names_only_the_dependencies_that_its_room_allows() {
    let workspace = Workspace::read();
    for room in &ROOMS {
        for dep in workspace.stated[room.name].iter().filter(|dep| !dep.in_tests) {
            let allowed = room.ours.iter().chain(room.others).any(|name| *name == dep.name);
            assert!(allowed, "{} -> {}: not in the table of this test", room.name, dep.name);
        }
    }
}

#[test]
fn what_a_room_must_not_know_is_reached_by_no_path() {
    let workspace = Workspace::read();
    for (from, optional, forbidden) in CLOSED {
        let reached = workspace.reached(from, optional);
        for name in forbidden.iter().chain(&NOWHERE) {
            assert_eq!(
                reached.get(*name),
                None,
                "{from} with optional dependencies {optional:?} reaches {name}"
            );
        }
    }
    for room in &ROOMS {
        let reached = workspace.reached(room.name, Optional::In);
        assert!(
            NOWHERE.iter().all(|name| !reached.contains_key(*name)),
            "{} reaches one of {NOWHERE:?}",
            room.name
        );
    }
}

#[test]
fn the_adapters_and_the_app_reach_what_they_are_there_for() {
    let workspace = Workspace::read();
    let whole = workspace.reached("vestibule", Optional::In);
    for name in [
        "reqwest",
        "huskarl",
        "chacha20poly1305",
        "vestibule-adapters-idp",
        "vestibule-adapters-storage",
    ] {
        assert!(
            whole.contains_key(name),
            "the search finds nothing: {name} is not reached from vestibule"
        );
    }
}

#[test]
fn what_belongs_to_one_room_is_named_by_no_other() {
    let workspace = Workspace::read();
    for (owned, owners) in OWNED {
        for (name, stated) in &workspace.stated {
            for dep in stated.iter().filter(|dep| dep.name == owned) {
                let who = if dep.in_tests {
                    format!("{name} (tests)")
                } else {
                    name.clone()
                };
                assert!(owners.contains(&who.as_str()), "{who} -> {owned}");
            }
        }
    }
}

#[test]
fn mocks_are_switched_on_by_tests_alone() {
    let workspace = Workspace::read();
    for (name, stated) in &workspace.stated {
        for dep in stated.iter().filter(|dep| !dep.in_tests) {
            let switched = dep
                .features
                .iter()
                .any(|feature| feature == "mocks" || feature == "conformance");
            assert!(!switched, "{name} -> {} with {:?}", dep.name, dep.features);
            let for_tests = FOR_TESTS.contains(&dep.name.as_str());
            assert!(
                !for_tests || (dep.optional && name == "vestibule-ports"),
                "{name} -> {}",
                dep.name
            );
        }
        for word in &workspace.features[name] {
            let passes_on = word.ends_with("/mocks") || word.ends_with("/conformance");
            assert!(
                !passes_on && word != "default = mocks",
                "a feature of {name} switches on {word}"
            );
        }
    }
}

/// Every word of every feature; those of `default` as `default = word`.
fn feature_words(package: &Value) -> Vec<String> {
    let of_feature = |(feature, words): (&String, &Value)| -> Vec<String> {
        let word = |word: &Value| match feature.as_str() {
            "default" => format!("default = {}", text(word)),
            _ => text(word).to_owned(),
        };
        list(words).map(word).collect()
    };
    package["features"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(of_feature)
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// This machine's target triple, as cargo itself names it.
fn host() -> String {
    cargo(&["-vV"])
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap()
        .to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
