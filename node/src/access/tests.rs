//! The file of principals: what is refused, and when a change is in force.

use std::{
    fs,
    net::Ipv4Addr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use spice_core::access::{Role, TokenDigest};
use tokio::time::{sleep, timeout};

use super::{file::parse, *};

const ANYWHERE: &str = "0.0.0.0:8002";

fn declaration(name: &str, token: &str) -> String {
    let digest = TokenDigest::of(token);
    format!("  - {{name: {name}, role: editor, databases: [shop, demo-*], sha256: [{digest}]}}\n")
}

fn file_of(principals: &[(&str, &str)]) -> String {
    let lines = principals
        .iter()
        .map(|(name, token)| declaration(name, token));
    format!("principals:\n{}", lines.collect::<String>())
}

#[test]
fn yaml_and_json_declare_principals() {
    let yaml = file_of(&[("ci", "one"), ("ops@example.com", "two")]);
    let credentials = parse(yaml.as_bytes()).unwrap();
    assert_eq!(credentials.len(), 2);
    assert_eq!(credentials[0].digest, TokenDigest::of("one"));
    let principal = &credentials[1].principal;
    assert_eq!(principal.name.as_str(), "ops@example.com");
    assert_eq!(principal.role, Role::Editor);
    assert!(principal.covers(&"demo-1".parse().unwrap()));
    let [old, new] = ["old", "new"].map(TokenDigest::of);
    let json = format!(
        r#"{{"principals": [{{"name": "ci", "role": "viewer", "databases": ["*"],
            "sha256": ["{old}", "{new}"]}}]}}"#
    );
    let credentials = parse(json.as_bytes()).unwrap();
    assert_eq!(credentials.len(), 2, "two tokens of one principal");
    assert_eq!(credentials[0].principal, credentials[1].principal);
    assert_eq!(parse(b"principals: []").unwrap(), []);
}

#[test]
fn a_wrong_file_is_refused_without_its_values() {
    let good = declaration("ci", "one");
    let refused = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
    for (text, reason) in [
        (String::new(), "right form"),
        ("principal: []".to_owned(), "right form"),
        ("principals:\n".to_owned(), "right form"),
        ("principals: null".to_owned(), "right form"),
        ("principals: [".to_owned(), "right form"),
        (good.replace("editor", "owner"), "right form"),
        (good.replace("shop", "Shop"), "right form"),
        (good.replace("name: ci", "name: anonymous"), "right form"),
        (good.replace("role", "roles"), "right form"),
        (
            good.replace("sha256: [", "sha256: [spice_secret, "),
            "64 hexadecimal digits",
        ),
        (
            good.replace("sha256: [", "sha256: {a: spice_secret} #"),
            "right form",
        ),
        (
            declaration("ci", "one") + &declaration("ci", "two"),
            "declared twice",
        ),
        (
            declaration("ci", "one") + &declaration("cd", "one"),
            "declared before",
        ),
        (
            "  - {name: ci, role: viewer, databases: [shop], sha256: []}".into(),
            "no sha256",
        ),
    ] {
        let text = if text.contains("principal") || text.is_empty() {
            text
        } else {
            format!("principals:\n{text}")
        };
        let error = refused(&text);
        assert!(error.contains(reason), "{text:?}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let error = refused("principals: spice_secret");
    assert!(!error.contains("secret"), "{error}");
}

async fn is_in_force(access: &Access, token: &str) -> bool {
    // Wrong tokens of one address would be slowed down.
    static PEERS: AtomicU32 = AtomicU32::new(0);
    let peer = Ipv4Addr::from_bits(PEERS.fetch_add(1, Ordering::Relaxed)).into();
    access.admit(Ok(token), peer).await.is_ok()
}

async fn wait_for(access: &Access, token: &str) {
    let found = async {
        while !is_in_force(access, token).await {
            sleep(Duration::from_millis(300)).await;
        }
    };
    timeout(Duration::from_hours(1), found).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_is_in_force_and_a_wrong_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.yaml");
    let ending = CancellationToken::new();
    let callers = Callers::Principals(path.clone());
    let states = Arc::new(FileStates::default());
    let is_valid = || states.tokens.load(Ordering::Relaxed);
    assert!(
        callers.open(&states, &ending).await.is_err(),
        "there is no file"
    );
    for wrong in ["", "principals", &file_of(&[("ci", "one"), ("ci", "two")])] {
        fs::write(&path, wrong).unwrap();
        assert!(callers.open(&states, &ending).await.is_err(), "{wrong:?}");
    }
    fs::write(&path, file_of(&[("ci", "one")])).unwrap();
    let access = callers.open(&states, &ending).await.unwrap();
    assert!(is_in_force(&access, "one").await);

    fs::write(&path, file_of(&[("ci", "two")])).unwrap();
    wait_for(&access, "two").await;
    assert!(!is_in_force(&access, "one").await);

    for wrong in ["", "principals:\n  - {name: ci, rol"] {
        fs::write(&path, wrong).unwrap();
        sleep(Duration::from_secs(10)).await;
        assert!(is_in_force(&access, "two").await, "{wrong:?}");
        assert!(!is_valid());
    }
    fs::remove_file(&path).unwrap();
    sleep(Duration::from_secs(10)).await;
    assert!(is_in_force(&access, "two").await);

    // A file that is written slowly: its first half would be right, too.
    let whole = file_of(&[("ci", "two"), ("cd", "three"), ("ops", "four")]);
    for end in (0..whole.len()).step_by(3).chain([whole.len()]) {
        fs::write(&path, &whole[..end]).unwrap();
        sleep(Duration::from_millis(900)).await;
        assert!(is_in_force(&access, "two").await, "after {end} bytes");
        let is_new = [
            is_in_force(&access, "three").await,
            is_in_force(&access, "four").await,
        ];
        assert_eq!(is_new, [false; 2], "after {end} bytes");
    }
    wait_for(&access, "four").await;
    assert!(is_in_force(&access, "three").await && is_valid());
    ending.cancel();
}

#[test]
fn a_listener_that_others_can_reach_needs_principals() {
    let anywhere: SocketAddr = ANYWHERE.parse().unwrap();
    let here = "127.0.0.1:0".parse().unwrap();
    for service in [Surface::Gateway, Surface::Oms, Surface::Funnel] {
        let listen = [(Surface::Gateway, here), (service, anywhere)];
        let exposed = Callers::Local.check(&listen).unwrap_err();
        assert_eq!((exposed.service, exposed.address), (service, anywhere));
        assert!(Callers::Anybody.check(&listen).is_ok());
        assert!(Callers::Principals(PathBuf::new()).check(&listen).is_ok());
    }
    for address in ["127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        let listen = [(Surface::Gateway, address.parse().unwrap())];
        assert!(Callers::Local.check(&listen).is_ok(), "{address}");
    }
    let listen = [(Surface::Metrics, anywhere)];
    assert!(Callers::Local.check(&listen).is_ok());
}
