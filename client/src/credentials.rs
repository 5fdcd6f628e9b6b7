//! The credentials of a client: a token, and the authorities of a server's certificate, each in a file
//! that is read again when it changes.

use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Certificate,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};

use tokio::time::Instant;

use crate::error::{Error, causes};

/// How long a file is taken as it was read.
const FRESH: Duration = Duration::from_secs(1);
/// The longest file.
const LONGEST: u64 = 1 << 20;

/// The files of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// A file with the token of a principal; none: no token is sent.
    pub token_file: Option<PathBuf>,
    /// A file with the certificates (PEM) of the authorities that are trusted instead of the
    /// system's.
    pub ca_file: Option<PathBuf>,
}

/// A connection pool, and the credentials of the requests that use it.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) http: reqwest::Client,
    authorization: Option<HeaderValue>,
}

impl Access {
    /// Adds the credentials to the headers of a request.
    pub(crate) fn authorize(&self, headers: &mut HeaderMap) {
        if let Some(value) = &self.authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
    }
}

/// Builds a connection pool that trusts these authorities; the system's, if there are none.
type Build = dyn Fn(Vec<Certificate>) -> Result<reqwest::Client, Error> + Send + Sync;

/// The files, and what they said when they were last read.
#[derive(Clone)]
pub(crate) struct Keyring {
    files: Credentials,
    build: Arc<Build>,
    state: Arc<Mutex<State>>,
}

struct State {
    access: Access,
    token: Option<Vec<u8>>,
    authorities: Option<Vec<u8>>,
    read_at: Instant,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.files.fmt(f)
    }
}

impl Keyring {
    /// Reads the files. `build` makes a connection pool.
    pub(crate) fn open(
        files: Credentials,
        build: impl Fn(Vec<Certificate>) -> Result<reqwest::Client, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let token = read_file(files.token_file.as_deref())?;
        let authorities = read_file(files.ca_file.as_deref())?;
        let access = Access {
            http: build(certificates(&files, authorities.as_deref())?)?,
            authorization: authorization(&files, token.as_deref())?,
        };
        let read_at = Instant::now();
        let state = State {
            access,
            token,
            authorities,
            read_at,
        };
        Ok(Self {
            files,
            build: Arc::new(build),
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// What the next request uses.
    pub(crate) fn access(&self) -> Access {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.read_at.elapsed() >= FRESH {
            self.refresh(&mut state);
        }
        state.access.clone()
    }

    /// What to use instead, if the server did not accept the token and the file has another one.
    pub(crate) fn access_instead_of(&self, refused: &Access) -> Option<Access> {
        self.files.token_file.as_ref()?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut state);
        let is_new = state.access.authorization != refused.authorization;
        is_new.then(|| state.access.clone())
    }

    /// Reads the files again. One that cannot be used, as while it is being replaced, changes
    /// nothing.
    fn refresh(&self, state: &mut State) {
        if self.files == Credentials::default() {
            return;
        }
        state.read_at = Instant::now();
        if let Ok(token) = read_file(self.files.token_file.as_deref())
            && token != state.token
            && let Ok(authorization) = authorization(&self.files, token.as_deref())
        {
            state.access.authorization = authorization;
            state.token = token;
        }
        if let Ok(authorities) = read_file(self.files.ca_file.as_deref())
            && authorities != state.authorities
            && let Ok(trusted) = certificates(&self.files, authorities.as_deref())
            && let Ok(http) = (self.build)(trusted)
        {
            state.access.http = http;
            state.authorities = authorities;
        }
    }
}

fn read_file(path: Option<&Path>) -> Result<Option<Vec<u8>>, Error> {
    let Some(path) = path else {
        return Ok(None);
    };
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST).read_to_end(&mut content))
        .map_err(|error| invalid(path, error.to_string()))?;
    Ok(Some(content))
}

fn authorization(files: &Credentials, token: Option<&[u8]>) -> Result<Option<HeaderValue>, Error> {
    let (Some(path), Some(token)) = (&files.token_file, token) else {
        return Ok(None);
    };
    let token = token.trim_ascii();
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        return Err(invalid(path, "it must have one line, the token"));
    }
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat());
    let mut value = value.map_err(|error| invalid(path, error.to_string()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn certificates(files: &Credentials, pem: Option<&[u8]>) -> Result<Vec<Certificate>, Error> {
    let (Some(path), Some(pem)) = (&files.ca_file, pem) else {
        return Ok(Vec::new());
    };
    let read = Certificate::from_pem_bundle(pem);
    let certificates = read.map_err(|error| invalid(path, causes(&error)))?;
    if certificates.is_empty() {
        return Err(invalid(path, "it has no certificate"));
    }
    Ok(certificates)
}

fn invalid(path: &Path, reason: impl Into<String>) -> Error {
    Error::InvalidFile {
        path: path.to_owned(),
        reason: reason.into(),
    }
}
