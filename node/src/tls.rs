//! TLS on the listeners of a process: the certificate and its key, read again when their files
//! change.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering},
    time::Duration,
};

use rustls::{
    CertificateError, InconsistentKeys, RootCertStore, ServerConfig,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use spice_api::http::Surface;
use tokio_util::sync::CancellationToken;

use crate::{
    files::FileStates,
    steady::{Content, ReadError, SteadyFiles},
};

/// How the listeners of a process use TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The file of the certificate, and of those that it was signed with, in PEM.
    pub certificate: PathBuf,
    /// The file of its key, in PEM.
    pub key: PathBuf,
    /// Whether the listener for metrics and health does not use it.
    pub plain_metrics: bool,
}

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the certificate {} with the key {}", certificate.display(), key.display())]
pub struct TlsError {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of the key.
    pub key: PathBuf,
    /// What is wrong.
    #[source]
    pub fault: TlsFault,
}

/// What is wrong with a certificate or its key. It does not show the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file has no certificate in PEM.
    #[error("the file of the certificate has no certificate in PEM")]
    NoCertificate,
    /// The file has no key in PEM.
    #[error("the file of the key has no private key in PEM")]
    NoKey,
    /// The key needs a passphrase.
    #[error(
        "the key is encrypted, and nobody can be asked for its passphrase; write it without one \
         (openssl pkey -in KEY -out PLAIN-KEY)"
    )]
    EncryptedKey,
    /// The key is of another certificate.
    #[error("the key is not that of the certificate, which must be the first one in its file")]
    OtherKey,
    /// The TLS library cannot use them.
    #[error(transparent)]
    Unusable(#[from] rustls::Error),
}

/// A certificate with its key.
struct Pair(Arc<CertifiedKey>);

impl Content for Pair {
    type Fault = TlsFault;

    fn parse(files: &[Vec<u8>]) -> Result<Self, TlsFault> {
        let [certificate, key] = files else {
            return Err(TlsFault::NoKey);
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|_| TlsFault::NoCertificate)?;
        if chain.is_empty() {
            return Err(TlsFault::NoCertificate);
        }
        if is_encrypted(key) {
            return Err(TlsFault::EncryptedKey);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsFault::NoKey)?;
        let pair = CertifiedKey::from_der(chain, key, &provider());
        let pair = pair.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsFault::OtherKey,
            other => TlsFault::Unusable(other),
        })?;
        Ok(Self(Arc::new(pair)))
    }
}

/// Whether a key in PEM is encrypted, in one of the two forms that openssl writes.
fn is_encrypted(pem: &[u8]) -> bool {
    let lines = pem.split(|byte| matches!(byte, b'\n' | b'\r'));
    let mut lines = lines.map(<[u8]>::trim_ascii);
    lines.any(|line| {
        line == b"-----BEGIN ENCRYPTED PRIVATE KEY-----" || line == b"Proc-Type: 4,ENCRYPTED"
    })
}

impl Pair {
    /// Why a client would refuse the certificate at a time, whomever it trusts. The period of
    /// validity is checked first.
    fn refusal_at(&self, time: UnixTime) -> Option<CertificateError> {
        let parsed = self
            .0
            .end_entity_cert()
            .and_then(ParsedCertificate::try_from);
        let algorithms = provider().signature_verification_algorithms.all;
        let checked = parsed.and_then(|certificate| {
            let nobody = RootCertStore::empty();
            verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], time, algorithms)
        });
        match checked {
            Err(rustls::Error::InvalidCertificate(error)) => Some(error),
            _ => None,
        }
    }

    /// When the certificate expires, in seconds of Unix time; 0 if that is not known.
    fn expiry(&self) -> u64 {
        let end_of_time = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
        match self.refusal_at(end_of_time) {
            Some(CertificateError::ExpiredContext { not_after, .. }) => not_after.as_secs(),
            _ => 0,
        }
    }

    /// Whether the certificate has expired or is not valid yet.
    fn is_out_of_date(&self, now: UnixTime) -> bool {
        matches!(
            self.refusal_at(now),
            Some(
                CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYetContext { .. }
            )
        )
    }
}

/// The certificate that is in force.
#[derive(Debug)]
struct InForce(RwLock<Arc<CertifiedKey>>);

impl InForce {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, pair: Pair) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = pair.0;
    }

    /// Whether the certificate is for this name.
    fn is_for(&self, name: &ServerName<'_>) -> bool {
        let current = self.get();
        let parsed = current
            .end_entity_cert()
            .and_then(ParsedCertificate::try_from);
        parsed.is_ok_and(|certificate| verify_server_name(&certificate, name).is_ok())
    }
}

impl ResolvesServerCert for InForce {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

/// TLS as the listeners of a process use it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    /// None: they do not.
    certified: Option<(Arc<ServerConfig>, Arc<InForce>)>,
    plain_metrics: bool,
}

impl Tls {
    /// The configuration for a service; none if it does not use TLS.
    pub(crate) fn of(&self, service: Surface) -> Option<&Arc<ServerConfig>> {
        let is_plain = self.plain_metrics && service == Surface::Metrics;
        let certified = self.certified.as_ref().filter(|_| !is_plain);
        certified.map(|(config, _)| config)
    }

    /// The scheme of the URL of a service.
    pub(crate) fn scheme(&self, service: Surface) -> &'static str {
        match self.of(service) {
            Some(_) => "https",
            None => "http",
        }
    }

    /// The URL at which the process itself can call a service. The host is `localhost` if only that
    /// is a name of the certificate.
    pub(crate) fn own_url(&self, service: Surface, mut address: SocketAddr) -> String {
        match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let (scheme, ip, port) = (self.scheme(service), address.ip(), address.port());
        if let Some((_, in_force)) = &self.certified
            && ip.is_loopback()
            && !in_force.is_for(&ip.into())
            && ServerName::try_from("localhost").is_ok_and(|name| in_force.is_for(&name))
        {
            return format!("{scheme}://localhost:{port}");
        }
        format!("{scheme}://{address}")
    }
}

impl TlsSettings {
    /// Reads the files, and follows them until `ending` is cancelled. Connections that are open keep
    /// the certificate that they have.
    pub(crate) async fn open(
        &self,
        states: &Arc<FileStates>,
        ending: &CancellationToken,
    ) -> Result<Tls, TlsError> {
        let failed = |fault| TlsError {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            fault,
        };
        let paths = vec![self.certificate.clone(), self.key.clone()];
        let (files, pair) = SteadyFiles::open::<Pair>(paths).await.map_err(failed)?;
        report(&pair, states);
        let in_force = Arc::new(InForce(RwLock::new(pair.0)));
        let config = configure(Arc::clone(&in_force)).map_err(|error| failed(error.into()))?;
        let (states, ending) = (Arc::clone(states), ending.clone());
        let followed = Arc::clone(&in_force);
        tokio::spawn(async move {
            let put = |pair: Pair| {
                report(&pair, &states);
                followed.put(pair);
            };
            let following = files.follow("certificate", put, &states.certificate);
            ending.run_until_cancelled(following).await;
        });
        Ok(Tls {
            certified: Some((config, in_force)),
            plain_metrics: self.plain_metrics,
        })
    }
}

/// Says when the certificate expires, and if clients refuse it for its dates. It is used all the
/// same: the former one would be no better.
fn report(pair: &Pair, states: &FileStates) {
    let expiry = pair.expiry();
    states.certificate_expiry.store(expiry, Ordering::Relaxed);
    if pair.is_out_of_date(UnixTime::now()) {
        tracing::warn!(
            expiry,
            "the certificate has expired or is not valid yet; clients will refuse it"
        );
    }
}

fn configure(certificates: Arc<InForce>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

#[cfg(test)]
mod tests;
