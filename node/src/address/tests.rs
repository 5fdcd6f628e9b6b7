//! What an address may be, and what an error about one shows.
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use super::*;

fn resolve(urls: &[(Store, &str)]) -> Result<Addresses, AddressError> {
    Addresses::resolve(Path::new("/data"), urls.iter().copied())
}

fn error(store: Store, url: &str) -> String {
    resolve(&[(store, url)]).unwrap_err().to_string()
}

fn sqlite(path: &str) -> TablesAddress {
    TablesAddress::Sqlite(path.into())
}

#[test]
fn a_data_directory_names_every_store() {
    let addresses = resolve(&[]).unwrap();
    assert_eq!(addresses.log, LogAddress::Directory("/data/log".into()));
    assert_eq!(addresses.registry, sqlite("/data/registry.sqlite"));
    assert_eq!(addresses.graph, sqlite("/data/graph.sqlite"));
    assert_eq!(addresses.documents, sqlite("/data/documents.sqlite"));
    let named = [
        (Store::Log, "dir:///data/log"),
        (Store::Bus, "local:"),
        (Store::Registry, "sqlite:///data/registry.sqlite"),
        (Store::Graph, "sqlite:///data/graph.sqlite"),
        (Store::Documents, "sqlite:///data/documents.sqlite"),
        (Store::Hints, "local:"),
    ];
    assert_eq!(resolve(&named).unwrap(), addresses);
}

#[test]
fn a_url_overrides_one_store_only() {
    let addresses = resolve(&[(Store::Graph, "sqlite:///fast%20disk/g%3F.sqlite")]).unwrap();
    assert_eq!(addresses.graph, sqlite("/fast disk/g?.sqlite"));
    assert_eq!(addresses.registry, sqlite("/data/registry.sqlite"));
    let addresses = resolve(&[(Store::Log, "DIR:///var//log/../spice/")]).unwrap();
    assert_eq!(addresses.log, LogAddress::Directory("/var/spice".into()));
}

#[test]
fn an_unknown_scheme_names_those_that_there_are() {
    for store in Store::ALL {
        let said = error(store, "ftp://host/path");
        assert!(said.starts_with(&format!(
            "{store} = \"ftp://host/path\": unknown scheme `ftp`"
        )));
        let embedded = match store {
            Store::Log => "dir (dir:///",
            Store::Bus | Store::Hints => "local (local:)",
            Store::Registry | Store::Graph | Store::Documents => "sqlite (sqlite:///",
        };
        assert!(
            said.contains(&format!("this build supports {embedded}")),
            "{said}"
        );
        assert!(said.contains("the cargo feature `cluster` adds "), "{said}");
    }
    let said = error(Store::Log, "sqlite:///data/log");
    assert!(
        said.contains("unknown scheme `sqlite`"),
        "another store's: {said}"
    );
    let said = error(Store::Bus, "dir:///data/bus");
    assert!(
        said.contains("unknown scheme `dir`"),
        "another store's: {said}"
    );
}

#[test]
fn a_scheme_of_the_cluster_profile_names_its_feature() {
    let cluster = [
        (Store::Log, "s3://bucket?region=us-east-1"),
        (Store::Bus, "log:"),
        (Store::Bus, "kafka://host:9092"),
        (Store::Registry, "postgres://user@host:5432/spice"),
        (Store::Graph, "postgres://user@host:5432/spice"),
        (Store::Documents, "elasticsearch://host:9200"),
        (Store::Documents, "opensearch://host:9200"),
        (Store::Hints, "postgres://user@host:5432/spice"),
        (Store::Hints, "redis://host:6379"),
    ];
    for (store, url) in cluster {
        let said = error(store, url);
        let scheme = url.split(':').next().unwrap();
        let expected = format!(
            "{store} = \"{url}\": `{scheme}` needs the cargo feature `cluster`, which this build does not \
             have; this build supports "
        );
        assert!(said.starts_with(&expected), "{said}");
    }
}

#[test]
fn each_rule_is_named_with_the_value() {
    let cases = [
        (
            Store::Log,
            "/var/log",
            "not a URL (relative URL without a base); this build supports dir (",
        ),
        (Store::Log, "", "not a URL (relative URL without a base)"),
        (
            Store::Log,
            "dir:data/log",
            "absolute, with three slashes: dir:///path",
        ),
        (
            Store::Log,
            "dir://data/log",
            "absolute, with three slashes: dir:///path",
        ),
        (
            Store::Log,
            "dir://",
            "absolute, with three slashes: dir:///path",
        ),
        (Store::Log, "dir:///", "the path of a directory is missing"),
        (
            Store::Graph,
            "sqlite:graph.sqlite",
            "absolute, with three slashes: sqlite:///path",
        ),
        (Store::Graph, "sqlite:///", "must name a file"),
        (Store::Graph, "sqlite:///data/", "must name a file"),
        (
            Store::Graph,
            "sqlite:///g?mode=ro",
            "unknown parameter `mode`: `sqlite` has no parameters",
        ),
        (Store::Graph, "sqlite:///g?", "unknown parameter ``"),
        (
            Store::Bus,
            "local:?size=1",
            "nothing may follow the colon: local:",
        ),
        (Store::Log, "dir:///a#1", "write %23 for a number sign"),
        (Store::Graph, "sqlite:///g%ZZ", "must follow each `%`"),
        (Store::Log, "dir:///a%2", "write %25 for a percent sign"),
        (
            Store::Log,
            "dir:///a%00b",
            "must not contain control characters",
        ),
        (
            Store::Bus,
            "local:here",
            "nothing may follow the colon: local:",
        ),
        (
            Store::Hints,
            "local:///here",
            "nothing may follow the colon: local:",
        ),
    ];
    for (store, url, rule) in cases {
        let said = error(store, url);
        assert!(
            said.starts_with(&format!("{store} = \"{url}\": ")),
            "{said}"
        );
        assert!(said.contains(rule), "{url:?}: {said}");
    }
    for url in ["dir:///a\tb", "dir:///a\n", " dir:///a", "dir:///a "] {
        assert!(
            error(Store::Log, url).contains("control characters"),
            "{url:?}"
        );
    }
}

#[test]
fn no_two_stores_share_a_file() {
    let shared = [
        (Store::Registry, "sqlite:///data/one.sqlite"),
        (Store::Documents, "sqlite:///data//./one.sqlite"),
    ];
    assert_eq!(
        resolve(&shared).unwrap_err().to_string(),
        "registry and documents both name /data/one.sqlite; each store needs a file of its own"
    );
    let said = error(Store::Graph, "sqlite:///data/registry.sqlite");
    assert!(
        said.contains("registry and graph both name"),
        "with a default: {said}"
    );
}

#[test]
fn a_file_is_recognized_behind_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().canonicalize().unwrap();
    symlink(&data, data.join("alias")).unwrap();
    let alias = format!("sqlite://{}/alias/graph.sqlite", data.display());
    let link = Addresses::resolve(&data, [(Store::Registry, alias.as_str())]);
    assert_eq!(
        link.unwrap_err(),
        AddressError::SharedFile {
            first: Store::Registry,
            second: Store::Graph,
            path: data.join("graph.sqlite"),
        }
    );
}

#[test]
fn the_directory_of_the_log_holds_no_other_store() {
    let said = error(Store::Registry, "sqlite:///data/log/LOCK");
    assert_eq!(
        said,
        "registry names /data/log/LOCK, which is inside the log directory /data/log; choose a file \
         outside it"
    );
    let said = error(Store::Log, "dir:///data");
    assert!(
        said.starts_with("registry names /data/registry.sqlite"),
        "{said}"
    );
    let apart = [(Store::Registry, "sqlite:///data/log.sqlite")];
    assert!(
        resolve(&apart).is_ok(),
        "a name that starts with the same letters"
    );
}

#[test]
fn secrets_are_hidden_and_the_rest_is_shown() {
    let cases = [
        (
            "postgres://spice:hunter2@db:5432/spice",
            "postgres://spice:***@db:5432/spice",
        ),
        (
            "postgres://spice:hun@ter/2?@db/spice",
            "postgres://spice:***@db/spice",
        ),
        ("postgres://spice@db/spice", "postgres://spice@db/spice"),
        ("postgres://spice:hunter2", "postgres://spice:***"),
        ("spice:hunter2@db", "spice:***@db"),
        ("redis://:hunter2@host:6379", "redis://:***@host:6379"),
        ("redis://host:6379", "redis://host:6379"),
        ("redis://[::1]:6379", "redis://[::1]:6379"),
        (
            "s3://bucket?endpoint=http://host:8333&secret_access_key=hunter2&region=eu",
            "s3://bucket?endpoint=http://host:8333&secret_access_key=***&region=eu",
        ),
        ("s3://bucket?Password=hunter2", "s3://bucket?Password=***"),
        ("dir:///var/lib/a:b@c", "dir:///var/lib/a:b@c"),
        ("local:", "local:"),
        ("./data", "./data"),
    ];
    for (text, shown) in cases {
        assert_eq!(hide_secrets(text), shown);
    }
    // A parser that writes the URL again drops the colon, and with it what says that this is a password.
    let said = error(Store::Log, "dir://user:#hunter2@host");
    assert!(!said.contains("hunter2"), "{said}");
}

proptest! {
    /// A URL that is refused, for whatever reason, is shown without its password.
    #[test]
    fn no_error_contains_a_password(
        scheme in "(dir|sqlite|local|s3|kafka|postgres|redis|ftp)",
        before in "[a-z@:/?#%&= ]{0,3}",
        after in "[a-z0-9@:/?#%&= ]{0,4}",
        rest in "@host(:[0-9a-z]{1,6})?(/path)?",
    ) {
        let url = format!("{scheme}://user:{before}SECRET{after}{rest}");
        for store in Store::ALL {
            if let Err(error) = resolve(&[(store, &url)]) {
                let said = format!("{error} {error:?}");
                prop_assert!(!said.contains("SECRET"), "{url}: {said}");
            }
        }
    }
}
