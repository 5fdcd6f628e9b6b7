//! What is wrong with the TLS of a server, as a value.

use std::{error::Error, io};

use rustls::CertificateError;

/// Why there is no secure connection to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// Nobody who is trusted has signed its certificate.
    #[error("its certificate is not of an authority that is trusted")]
    Untrusted,
    /// Its certificate has other names than the URL.
    #[error("its certificate is not for this name")]
    OtherName,
    /// Its certificate has expired, or is not valid yet.
    #[error("its certificate has expired or is not valid yet")]
    OutOfDate,
    /// It speaks something else.
    #[error("it does not use TLS")]
    NotTls,
    /// Anything else.
    #[error("it does not use TLS as this client does")]
    Other,
}

impl TlsFault {
    /// The fault behind a failed connection, if it is one of TLS.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<rustls::Error>() {
                return Some(Self::meaning(error));
            }
            let inner = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            next = match inner {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }

    fn meaning(error: &rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(error) = error else {
            return match error {
                rustls::Error::InvalidMessage(_) => Self::NotTls,
                _ => Self::Other,
            };
        };
        match error {
            // The latter if another authority has the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::Untrusted,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => Self::OutOfDate,
            _ => Self::Other,
        }
    }
}
