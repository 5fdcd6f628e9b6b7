//! What opening creates, and what it leaves alone.

use std::{path::Path, time::Duration};

use spice_core::port::{Store, hints::Topic};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

/// Addresses with each store in a folder of its own.
fn separate_addresses(folder: &TempDir) -> Addresses {
    let root = folder.path().canonicalize().unwrap();
    let urls = [
        (Store::Log, format!("dir://{}/a/log", root.display())),
        (
            Store::Registry,
            format!("sqlite://{}/b/r.sqlite", root.display()),
        ),
        (
            Store::Graph,
            format!("sqlite://{}/c/g.sqlite", root.display()),
        ),
        (
            Store::Documents,
            format!("sqlite://{}/d/d.sqlite", root.display()),
        ),
    ];
    let named = urls.iter().map(|(store, url)| (*store, url.as_str()));
    Addresses::resolve(Path::new("/nowhere"), named).unwrap()
}

fn entries(folder: &TempDir) -> usize {
    folder.path().read_dir().unwrap().count()
}

#[tokio::test]
async fn an_owner_creates_each_store_where_its_url_says() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = separate_addresses(&folder);
    let stores = Stores::open(&addresses, Access::Own).await.unwrap();
    assert!(stores.is_owner());
    for path in ["a/log/LOCK", "b/r.sqlite", "c/g.sqlite", "d/d.sqlite"] {
        assert!(folder.path().join(path).is_file(), "{path}");
    }
    let second = Stores::open(&addresses, Access::Own).await;
    let error = second.err().unwrap();
    assert_eq!(error.to_string(), "cannot open the log");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("has this directory open"), "{cause}");
}

#[tokio::test]
async fn a_log_has_one_owner_and_others_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = separate_addresses(&folder);
    let none = Stores::open(&addresses, Access::OwnOrShare).await;
    assert!(matches!(none, Err(OpenError::NoLog(_))));
    assert_eq!(entries(&folder), 0);
    let owner = Stores::open(&addresses, Access::Own).await.unwrap();
    let other = Stores::open(&addresses, Access::OwnOrShare).await.unwrap();
    assert!(owner.is_owner() && !other.is_owner());
    assert_eq!(other.appender, Appender::Other);
    let request = Topic::Request("demo".parse().unwrap());
    other.hints.give(&request);
    let heard = owner.hints.wait(&request, 0);
    let heard = timeout(Duration::from_secs(20), heard).await;
    assert!(heard.is_ok(), "the owner hears what others request");
    drop((owner, other));
    let next = Stores::open(&addresses, Access::OwnOrShare).await.unwrap();
    assert!(next.is_owner());
}

/// The path of a socket has at most 108 bytes; the path of a data directory may be longer.
#[tokio::test]
async fn a_log_at_a_long_path_opens_without_hints_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = Addresses::resolve(&folder.path().join("d".repeat(120)), []).unwrap();
    let owner = Stores::open(&addresses, Access::Own).await.unwrap();
    let other = Stores::open(&addresses, Access::OwnOrShare).await.unwrap();
    let request = Topic::Request("demo".parse().unwrap());
    assert!(other.hints.give(&request) > 0);
    let given = owner.hints.give(&request);
    assert_eq!(owner.hints.wait(&request, 0).await, given);
}

#[tokio::test]
async fn a_look_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = separate_addresses(&folder);
    let none = Stores::open(&addresses, Access::Look).await;
    assert!(matches!(none, Err(OpenError::NoLog(_))));
    assert!(matches!(
        open_log(addresses.log()).await,
        Err(OpenError::NoLog(_))
    ));
    std::fs::create_dir_all(folder.path().join("a/log")).unwrap();
    let none = Stores::open(&addresses, Access::Look).await;
    assert!(matches!(
        none,
        Err(OpenError::Store {
            store: Store::Registry,
            ..
        })
    ));
    assert!(open_witnesses(&addresses).await.unwrap().is_empty());
    assert_eq!(entries(&folder), 1);
}

#[tokio::test]
async fn an_owner_of_what_exists_needs_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = separate_addresses(&folder);
    let none = Stores::open(&addresses, Access::OwnExisting).await;
    assert!(matches!(none, Err(OpenError::NoStore(_))));
    assert_eq!(entries(&folder), 0);
    drop(Stores::open(&addresses, Access::Own).await.unwrap());
    // A log that is gone is what a person accepts.
    std::fs::remove_dir_all(folder.path().join("a")).unwrap();
    for path in ["b", "c"] {
        std::fs::remove_dir_all(folder.path().join(path)).unwrap();
    }
    let witnesses = open_witnesses(&addresses).await.unwrap();
    let opened: Vec<Store> = witnesses.iter().map(|(store, _)| *store).collect();
    assert_eq!(opened, [Store::Documents]);
    let opened = Stores::open(&addresses, Access::OwnExisting).await;
    assert!(opened.unwrap().is_owner());
}
