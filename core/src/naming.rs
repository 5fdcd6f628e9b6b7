//! Names of indexes (contract §8).

use sha1::{Digest, Sha1};

use crate::{
    json::hex,
    name::{BranchName, DatabaseName},
};

/// The alias of a database's instance documents on `branch`; the overlay for any but `main`.
pub fn instances_index(database: &DatabaseName, branch: &BranchName) -> String {
    index_name(database, "instances", branch)
}

/// The alias of a database's class documents on `branch`.
pub fn ontologies_index(database: &DatabaseName, branch: &BranchName) -> String {
    index_name(database, "ontologies", branch)
}

fn index_name(database: &DatabaseName, what: &str, branch: &BranchName) -> String {
    let base = format!("{}_{what}", sanitise(database.as_str()));
    if branch.is_main() {
        return base;
    }
    let digest = Sha1::digest(branch.as_str().as_bytes());
    let hex = hex(digest.iter().take(5));
    let slug: String = sanitise(branch.as_str()).chars().take(40).collect();
    format!("{base}__br_{slug}_{hex}")
}

fn sanitise(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for c in text.to_lowercase().chars() {
        let kept = if c.is_ascii_lowercase() || c.is_ascii_digit() || "-_+".contains(c) {
            c
        } else {
            '_'
        };
        if !(kept == '_' && result.ends_with('_')) {
            result.push(kept);
        }
    }
    result.trim_matches('_').to_owned()
}
