//! The files of a certificate: what is refused, when a change is in force, and whom clients trust.

use std::{fs, path::Path};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::time::sleep;

use super::*;

/// A certificate and its key in PEM.
struct Made {
    certificate: String,
    der: CertificateDer<'static>,
    key: String,
}

impl Made {
    /// For these names, and valid until the end of a year.
    fn new(names: &[&str], last_year: i32) -> Self {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.not_before = date_time_ymd(last_year - 10, 1, 1);
        parameters.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        Self {
            certificate: certificate.pem(),
            der: certificate.der().clone(),
            key: key.serialize_pem(),
        }
    }

    fn parse(&self) -> Result<Pair, TlsFault> {
        parse(&self.certificate, &self.key)
    }
}

fn parse(certificate: &str, key: &str) -> Result<Pair, TlsFault> {
    Pair::parse(&[certificate.into(), key.into()])
}

const LATE: i32 = 2999;

#[test]
fn a_pair_that_cannot_be_used_is_refused_with_the_rule() {
    let (one, other) = (Made::new(&["a"], LATE), Made::new(&["b"], LATE));
    let both = format!("{}{}", other.certificate, one.certificate);
    let half = &one.certificate[..one.certificate.len() / 2];
    let garbage = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    let encrypted = one.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let old = one.key.replace("PRIVATE KEY", "RSA PRIVATE KEY").replace(
        "KEY-----\nM",
        "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nM",
    );
    assert!(old.contains("Proc-Type"), "{old}");
    let wrong_key = "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----\n";
    for (certificate, key, rule) in [
        ("", &*one.key, "no certificate in PEM"),
        (&*one.key, &one.key, "no certificate in PEM"),
        (half, &one.key, "no certificate in PEM"),
        (&one.certificate, "", "no private key in PEM"),
        (&one.certificate, &one.certificate, "no private key in PEM"),
        (&one.certificate, &one.key[..60], "no private key in PEM"),
        (&one.certificate, &encrypted, "encrypted"),
        (
            &one.certificate,
            &encrypted.replace('\n', "\r\n"),
            "encrypted",
        ),
        (&one.certificate, &old, "encrypted"),
        (&one.certificate, &other.key, "not that of the certificate"),
        (&both, &one.key, "must be the first"),
        (&one.certificate, wrong_key, "private key"),
        (garbage, &one.key, "BadEncoding"),
    ] {
        let fault = parse(certificate, key).err().unwrap().to_string();
        assert!(fault.contains(rule), "{rule}: {fault}");
    }
    // Each may have more than its own: openssl writes both into one file.
    let joined = format!("{}{}{}", one.key, one.certificate, other.certificate);
    assert_eq!(parse(&joined, &joined).ok().unwrap().0.cert.len(), 2);
}

#[test]
fn the_dates_of_a_certificate_are_known() {
    let now = UnixTime::since_unix_epoch(Duration::from_hours(500_000)); // in 2027
    for (last_year, is_out_of_date) in [(2026, true), (2027, false), (LATE, true), (2030, false)] {
        let pair = Made::new(&["a"], last_year).parse().unwrap();
        assert_eq!(pair.is_out_of_date(now), is_out_of_date, "{last_year}");
    }
    let pair = Made::new(&["a"], 2027).parse().unwrap();
    assert_eq!(pair.expiry(), 1_830_211_200, "2027-12-31");
}

fn settings(folder: &Path) -> TlsSettings {
    TlsSettings {
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
        plain_metrics: false,
    }
}

fn write(settings: &TlsSettings, made: &Made) {
    fs::write(&settings.certificate, &made.certificate).unwrap();
    fs::write(&settings.key, &made.key).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_pair_is_in_force_and_a_wrong_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let states = Arc::new(FileStates::default());
    let ending = CancellationToken::new();
    let missing = settings.open(&states, &ending).await.unwrap_err();
    assert!(missing.to_string().contains("tls.crt"), "{missing}");

    let (first, second) = (Made::new(&["a"], LATE), Made::new(&["a"], LATE - 1));
    write(&settings, &first);
    let tls = settings.open(&states, &ending).await.unwrap();
    let (_, in_force) = tls.certified.as_ref().unwrap();
    let is_valid = || states.certificate.load(Ordering::Relaxed);
    let is_used = |made: &Made| in_force.get().cert == [made.der.clone()];
    let wait = || sleep(Duration::from_secs(10));
    assert!(is_used(&first));
    let expiry = states.certificate_expiry.load(Ordering::Relaxed);

    // Half of a file, one of two files, none, and an encrypted key.
    for (certificate, key) in [
        (&first.certificate[..90], &*first.key),
        (&second.certificate, &first.key),
        (&first.certificate, &second.key),
        (&second.certificate, ""),
        (
            &second.certificate,
            &second.key.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        ),
    ] {
        fs::write(&settings.certificate, certificate).unwrap();
        fs::write(&settings.key, key).unwrap();
        wait().await;
        assert!(is_used(&first) && !is_valid(), "{certificate}");
    }
    fs::remove_file(&settings.key).unwrap();
    wait().await;
    assert!(is_used(&first) && !is_valid());

    write(&settings, &second);
    wait().await;
    assert!(is_used(&second) && is_valid());
    assert!(states.certificate_expiry.load(Ordering::Relaxed) < expiry);

    // One that has expired is no worse than the one before it.
    let expired = Made::new(&["a"], 2001);
    write(&settings, &expired);
    wait().await;
    assert!(is_used(&expired) && is_valid());
    ending.cancel();
}

#[tokio::test(start_paused = true)]
async fn the_process_calls_itself_by_a_name_of_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    let (states, ending) = (Arc::default(), CancellationToken::new());
    for (names, bound, url) in [
        (&["127.0.0.1"][..], "127.0.0.1:1", "https://127.0.0.1:1"),
        (
            &["127.0.0.1", "localhost"],
            "0.0.0.0:1",
            "https://127.0.0.1:1",
        ),
        (&["localhost"], "0.0.0.0:1", "https://localhost:1"),
        (&["localhost"], "[::]:1", "https://localhost:1"),
        (&["localhost"], "10.0.0.1:1", "https://10.0.0.1:1"),
        (&["example.org"], "127.0.0.1:1", "https://127.0.0.1:1"),
    ] {
        write(&settings, &Made::new(names, LATE));
        let tls = settings.open(&states, &ending).await.unwrap();
        let own_url = tls.own_url(Surface::Gateway, bound.parse().unwrap());
        assert_eq!(own_url, url, "{names:?}");
    }
    settings.plain_metrics = true;
    let tls = settings.open(&states, &ending).await.unwrap();
    assert_eq!(tls.scheme(Surface::Gateway), "https");
    assert!(tls.of(Surface::Metrics).is_none() && tls.of(Surface::Funnel).is_some());
    let plain = Tls::default();
    let own_url = plain.own_url(Surface::Oms, "0.0.0.0:1".parse().unwrap());
    assert_eq!(own_url, "http://127.0.0.1:1");
    ending.cancel();
}
