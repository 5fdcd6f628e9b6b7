//! The direction of the arrows between the rooms (ARCHITECTURE.md), and a few rules of the house
//! that no lint knows.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each room, and the rooms that it may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("crds", &[]),
    ("stores", &["core"]),
    ("workers", &["core"]),
    ("api", &["core"]),
    ("client", &[]),
    ("operator", &["crds", "client"]),
    (
        "cli",
        &[
            "core", "stores", "workers", "api", "client", "crds", "operator",
        ],
    ),
];

/// Libraries that a room must not depend on.
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
    ("operator", &["rusqlite", "axum"]),
    ("crds", &["tokio", "rusqlite", "reqwest", "axum"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names under `[dependencies]` of a room's manifest.
fn dependencies(room: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join(room).join("Cargo.toml")).unwrap();
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
fn arrows_point_one_way() {
    for (room, allowed) in ARROWS {
        let known: Vec<String> = dependencies(room)
            .into_iter()
            .filter_map(|name| name.strip_prefix("spice-").map(str::to_owned))
            .filter(|name| !allowed.contains(&name.as_str()))
            .collect();
        assert!(
            known.is_empty(),
            "{room} must not know {known:?}; it may know {allowed:?}"
        );
    }
}

#[test]
fn rooms_keep_strangers_out() {
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
fn versions_stand_in_the_workspace_only() {
    for (room, _) in ARROWS {
        let manifest = fs::read_to_string(root().join(room).join("Cargo.toml")).unwrap();
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
fn every_source_file_says_what_it_owns() {
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
