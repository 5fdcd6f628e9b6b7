//! The direction of the arrows between crates (ARCHITECTURE.md), and some house rules that no lint
//! checks.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

mod architecture {
    pub(crate) mod circles;
    pub(crate) mod modules;
    mod tokens;
}

use architecture::{
    circles::{circles, find_uses},
    modules::modules,
};

/// Each crate, and the crates that it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("backoff", &[]),
    ("core", &[]),
    ("crds", &[]),
    ("stores/segment", &["core"]),
    ("stores/directory", &["core", "stores/segment"]),
    ("stores/local", &["core"]),
    ("stores/sqlite", &["core"]),
    ("telemetry", &[]),
    ("workers", &["backoff", "core", "telemetry"]),
    ("api", &["backoff", "core", "telemetry"]),
    (
        "node",
        &[
            "core",
            "stores/directory",
            "stores/local",
            "stores/sqlite",
            "workers",
            "api",
            "telemetry",
        ],
    ),
    ("client", &["backoff"]),
    ("import", &["core", "client"]),
    ("operator", &["backoff", "crds", "client", "telemetry"]),
    (
        "cli",
        &[
            "core",
            "node",
            "client",
            "import",
            "crds",
            "operator",
            "telemetry",
        ],
    ),
    ("testing", &["core"]),
];

/// Crates that no other may use; they may use every crate, including `testing`. Any other crate
/// uses `testing` only as a dev-dependency.
const OUTERMOST: &[&str] = &["e2e", "benches"];

/// Libraries that a crate must not use.
const STRANGERS: &[(&str, &[&str])] = &[
    (
        "core",
        &[
            "tokio",
            "kube",
            "k8s-openapi",
            "reqwest",
            "rusqlite",
            "axum",
        ],
    ),
    (
        "workers",
        &["kube", "k8s-openapi", "rusqlite", "reqwest", "axum"],
    ),
    ("api", &["kube", "k8s-openapi", "rusqlite", "reqwest"]),
    (
        "client",
        &["kube", "k8s-openapi", "rusqlite", "axum", "tracing"],
    ),
    (
        "import",
        &[
            "kube",
            "k8s-openapi",
            "rusqlite",
            "axum",
            "clap",
            "indicatif",
            "console",
            "anyhow",
        ],
    ),
    ("operator", &["rusqlite", "axum"]),
    (
        "node",
        &["kube", "k8s-openapi", "rusqlite", "axum", "clap", "anyhow"],
    ),
    ("cli", &["rusqlite", "axum", "rustix"]),
    ("crds", &["tokio", "rusqlite", "reqwest", "axum"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(room: &str) -> String {
    fs::read_to_string(root().join(room).join("Cargo.toml")).unwrap()
}

/// Every member of the workspace, by the name of its package.
fn rooms() -> BTreeMap<String, String> {
    let workspace: toml::Table = manifest(".").parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let named = members.iter().map(|member| {
        let room = member.as_str().unwrap().to_owned();
        let package: toml::Table = manifest(&room).parse().unwrap();
        let name = package["package"]["name"].as_str().unwrap().to_owned();
        (name, room)
    });
    named.collect()
}

/// The names under `[dependencies]` of a crate's manifest.
fn dependencies(room: &str) -> BTreeSet<String> {
    let manifest = manifest(room);
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            names.insert(name.to_owned());
        }
    }
    names
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_crate_follows_the_arrows() {
    let known: BTreeSet<&str> = ARROWS.iter().map(|(room, _)| *room).collect();
    let known: BTreeSet<&str> = known.into_iter().chain(OUTERMOST.iter().copied()).collect();
    let rooms = rooms();
    let members: BTreeSet<&str> = rooms.values().map(String::as_str).collect();
    assert_eq!(
        members, known,
        "members of the workspace, and ARROWS with OUTERMOST"
    );
}

#[test]
fn arrows_point_one_way() {
    let rooms = rooms();
    for (room, allowed) in ARROWS {
        let known: Vec<&String> = dependencies(room)
            .iter()
            .filter_map(|name| rooms.get(name))
            .filter(|known| !allowed.contains(&known.as_str()))
            .collect();
        assert!(
            known.is_empty(),
            "{room} must not know {known:?}; it may know {allowed:?}"
        );
    }
}

#[test]
fn files_form_no_circle() {
    let name = |file: &PathBuf| file.strip_prefix(root()).unwrap().display().to_string();
    let mut found = Vec::new();
    for room in rooms().values() {
        for crate_root in crate_roots(&root().join(room).join("src")) {
            let uses = find_uses(&modules(&crate_root));
            for circle in circles(&uses) {
                for file in &circle {
                    let inside: Vec<String> = uses[file].intersection(&circle).map(name).collect();
                    found.push(format!("{} uses {}", name(file), inside.join(", ")));
                }
            }
        }
    }
    assert!(
        found.is_empty(),
        "these files use each other in a circle: {found:#?}"
    );
}

/// Only one part of the api parses requests and renders answers.
#[test]
fn reads_and_the_writer_do_not_use_http() {
    let api = root().join("api/src");
    let uses = find_uses(&modules(&api.join("lib.rs")));
    let is_in = |file: &Path, room: &str| {
        file.starts_with(api.join(room)) || file == api.join(room).with_extension("rs")
    };
    let mut seen = 0;
    for (file, used) in &uses {
        if ["read", "writer", "engine"]
            .iter()
            .any(|it| is_in(file, it))
        {
            seen += 1;
            let known: Vec<&PathBuf> = used.iter().filter(|it| is_in(it, "http")).collect();
            assert!(known.is_empty(), "{} uses {known:?}", file.display());
        }
    }
    assert!(seen > 30, "only {seen} files were looked at");
}

/// The root files of a package: library, binary, and the binaries below `bin`.
fn crate_roots(source: &Path) -> Vec<PathBuf> {
    let mut found = vec![source.join("lib.rs"), source.join("main.rs")];
    if let Ok(entries) = fs::read_dir(source.join("bin")) {
        for entry in entries {
            let path = entry.unwrap().path();
            found.push(if path.is_dir() {
                path.join("main.rs")
            } else {
                path
            });
        }
    }
    found.retain(|file| file.exists());
    found
}

#[test]
fn crates_do_not_use_forbidden_libraries() {
    for (room, strangers) in STRANGERS {
        let names = dependencies(room);
        for stranger in *strangers {
            assert!(
                !names.contains(*stranger),
                "{room} must not depend on {stranger}"
            );
        }
    }
}

#[test]
fn versions_are_only_in_the_workspace_manifest() {
    for (room, _) in ARROWS {
        let manifest = manifest(room);
        let own: Vec<&str> = manifest
            .lines()
            .filter(|line| line.contains("version = \"") || line.contains("path = \".."))
            .collect();
        assert!(
            own.is_empty(),
            "{room}/Cargo.toml names versions or paths itself: {own:?}"
        );
    }
}

#[test]
fn every_source_file_has_a_module_comment() {
    for (room, _) in ARROWS {
        let mut files = Vec::new();
        sources(&root().join(room).join("src"), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            assert!(
                text.starts_with("//!"),
                "{} has no module comment",
                file.display()
            );
        }
    }
}
