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

/// A copy of a log has the installation of the original. Its owner would take over the work of the
/// process that serves the original.
#[tokio::test]
async fn two_copies_of_a_log_cannot_share_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = separate_addresses(&folder);
    let stores = Stores::open(&addresses, Access::Own).await.unwrap();
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(folder.path().join("a/log")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let root = folder.path().canonicalize().unwrap();
    let url = |place: &str| format!("{}/{place}", root.display());
    let of_copy = |shared: Option<Store>| {
        let place = |store, of_original: &str| {
            let own = format!("{store}-of-copy.sqlite");
            let place = if Some(store) == shared {
                of_original
            } else {
                &own
            };
            (store, format!("sqlite://{}", url(place)))
        };
        let urls = [
            (Store::Log, format!("dir://{}", url("copy"))),
            place(Store::Registry, "b/r.sqlite"),
            place(Store::Graph, "c/g.sqlite"),
            place(Store::Documents, "d/d.sqlite"),
        ];
        let named = urls.iter().map(|(store, url)| (*store, url.as_str()));
        Addresses::resolve(Path::new("/nowhere"), named).unwrap()
    };
    let refuse_all = async || {
        for shared in [Store::Registry, Store::Graph, Store::Documents] {
            let opened = Stores::open(&of_copy(Some(shared)), Access::Own).await;
            let error = opened.err().unwrap();
            assert_eq!(error.to_string(), format!("cannot open the {shared}"));
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("appends to another log"), "{cause}");
        }
    };
    refuse_all().await;
    // The copy with stores of its own, then as it was before there were installations.
    drop(Stores::open(&of_copy(None), Access::Own).await.unwrap());
    refuse_all().await;
    std::fs::remove_file(copy.join("INSTALLATION")).unwrap();
    refuse_all().await;
    drop(stores);
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

/// A process that does not own the log leaves to the owner what its stores belong to.
#[tokio::test]
async fn a_process_that_shares_a_log_installs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = separate_addresses(&folder);
    let owner = Stores::open(&addresses, Access::Own).await.unwrap();
    std::fs::remove_file(folder.path().join("c/g.sqlite")).unwrap();
    let other = Stores::open(&addresses, Access::OwnOrShare).await.unwrap();
    assert!(!other.is_owner());
    let [_, (store, graph), _] = &other.installations.followers;
    let found = graph.installation().await.unwrap();
    assert_eq!((*store, found), (Store::Graph, None));
    drop(owner);
}

/// The log of one folder, and the other stores of another one.
fn mixed_addresses(log: &TempDir, others: &TempDir) -> Addresses {
    let root = |folder: &TempDir| folder.path().canonicalize().unwrap();
    let url = format!("dir://{}/log", root(log).display());
    Addresses::resolve(&root(others), [(Store::Log, url.as_str())]).unwrap()
}

#[tokio::test]
async fn two_logs_do_not_share_a_registry_or_a_sink() {
    let [one, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let whole = |folder: &TempDir| Addresses::resolve(folder.path(), []).unwrap();
    for folder in [&one, &other] {
        drop(Stores::open(&whole(folder), Access::Own).await.unwrap());
    }
    let running = Stores::open(&whole(&one), Access::Own).await.unwrap();
    let mixed = mixed_addresses(&other, &one);
    for access in [
        Access::Own,
        Access::OwnExisting,
        Access::OwnOrShare,
        Access::Look,
    ] {
        let error = Stores::open(&mixed, access).await.err().unwrap();
        let is_named = matches!(
            error,
            OpenError::OtherInstallation {
                store: Store::Registry,
                ..
            }
        );
        assert!(is_named, "{access:?}: {error}");
    }
    drop(running);
    for folder in [&one, &other] {
        assert!(Stores::open(&whole(folder), Access::Own).await.is_ok());
    }
    // A store that is lost joins again; one of another installation is refused.
    std::fs::remove_file(one.path().join("graph.sqlite")).unwrap();
    drop(Stores::open(&whole(&one), Access::Own).await.unwrap());
    std::fs::copy(
        other.path().join("graph.sqlite"),
        one.path().join("graph.sqlite"),
    )
    .unwrap();
    let error = Stores::open(&whole(&one), Access::Own).await.err().unwrap();
    assert!(
        error.to_string().starts_with("the graph belongs"),
        "{error}"
    );
}

#[tokio::test]
async fn a_new_log_beside_stores_of_another_one_needs_a_person() {
    let [one, fresh] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let whole = Addresses::resolve(one.path(), []).unwrap();
    drop(Stores::open(&whole, Access::Own).await.unwrap());
    let mixed = mixed_addresses(&fresh, &one);
    let refused = async || Stores::open(&mixed, Access::Own).await.err();
    for _ in 0..2 {
        let error = refused().await.unwrap();
        assert!(matches!(error, OpenError::NewLog { .. }), "{error}");
    }
    let stores = Stores::open(&mixed, Access::OwnExisting).await.unwrap();
    drop(stores.clone());
    assert!(
        matches!(refused().await, Some(OpenError::Store { .. })),
        "another one has it open"
    );
    stores.adopt_log().await.unwrap();
    drop(stores);
    assert!(refused().await.is_none());
}
