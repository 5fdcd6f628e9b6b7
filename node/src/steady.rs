//! Files that a process reads again when they change. A new content is used once two readings in a
//! row are equal, so that a file that is being written is never used half. A content that cannot be
//! used changes nothing: the former one stays.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use spice_telemetry::describe_error;
use tokio::{fs::File, io::AsyncReadExt, time::sleep};

/// The time between two readings.
const PAUSE: Duration = Duration::from_secs(1);
/// The same at the start, and how often the files are read there until they are steady.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const FIRST_READINGS: u32 = 20;
/// The longest file that is read.
const LONGEST: u64 = 1 << 20;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system says so.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is too long.
    #[error("{} is longer than 1 MiB", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// It changes while it is read.
    #[error("{} changes all the time", path.display())]
    Unsteady {
        /// The file.
        path: PathBuf,
    },
}

/// What files contain.
pub(crate) trait Content: Sized {
    /// Why files cannot be used.
    type Fault: Error + From<ReadError>;

    /// Parses the files.
    fn parse(files: &[Vec<u8>]) -> Result<Self, Self::Fault>;
}

/// Files, and what they contained when they were last used.
pub(crate) struct SteadyFiles {
    paths: Vec<PathBuf>,
    /// What is in use.
    current: Option<Vec<Vec<u8>>>,
    /// The last content, if it is another one.
    next: Option<Vec<Vec<u8>>>,
}

/// What a reading means.
enum Finding<T: Content> {
    /// The content is in use.
    Same,
    /// It is another one; the next reading decides.
    Changing,
    /// It is another one, twice.
    New(T),
    /// It cannot be used.
    Wrong(T::Fault),
}

impl SteadyFiles {
    /// Reads the files until they are steady. They must be right: there is nothing former.
    pub(crate) async fn open<T: Content>(paths: Vec<PathBuf>) -> Result<(Self, T), T::Fault> {
        let mut files = Self {
            paths,
            current: None,
            next: None,
        };
        for _ in 0..FIRST_READINGS {
            match files.look().await {
                Finding::Same | Finding::Changing => sleep(FIRST_PAUSE).await,
                Finding::New(content) => return Ok((files, content)),
                Finding::Wrong(fault) => return Err(fault),
            }
        }
        let path = files.paths.first().cloned().unwrap_or_default();
        Err(ReadError::Unsteady { path }.into())
    }

    /// Follows the files for ever: puts each new content in force, and says whether the files can be
    /// used.
    pub(crate) async fn follow<T: Content>(
        mut self,
        what: &'static str,
        put: impl Fn(T),
        is_valid: &AtomicBool,
    ) {
        let mut reported = None;
        loop {
            sleep(PAUSE).await;
            match self.look().await {
                Finding::Changing => continue,
                Finding::Same => {}
                Finding::New(content) => {
                    put(content);
                    tracing::info!(what, file = self.name(), "new content is in force");
                }
                Finding::Wrong(fault) => {
                    is_valid.store(false, Ordering::Relaxed);
                    let text = describe_error(&fault);
                    if reported.as_ref() != Some(&text) {
                        tracing::error!(
                            what,
                            file = self.name(),
                            error = text,
                            "the file cannot be used; its former content stays in force"
                        );
                        reported = Some(text);
                    }
                    continue;
                }
            }
            is_valid.store(true, Ordering::Relaxed);
            if reported.take().is_some() {
                tracing::info!(what, file = self.name(), "the file can be used again");
            }
        }
    }

    fn name(&self) -> String {
        let paths = self.paths.iter().map(|path| path.display().to_string());
        paths.collect::<Vec<_>>().join(", ")
    }

    /// Reads the files once more.
    async fn look<T: Content>(&mut self) -> Finding<T> {
        let content = match read_all(&self.paths).await {
            Ok(content) => content,
            Err(error) => {
                self.next = None;
                return Finding::Wrong(error.into());
            }
        };
        if self.current.as_ref() == Some(&content) {
            self.next = None;
            return Finding::Same;
        }
        if self.next.as_ref() != Some(&content) {
            self.next = Some(content);
            return Finding::Changing;
        }
        match T::parse(&content) {
            Ok(parsed) => {
                self.current = self.next.take();
                Finding::New(parsed)
            }
            Err(fault) => Finding::Wrong(fault),
        }
    }
}

async fn read_all(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, ReadError> {
    let mut contents = Vec::with_capacity(paths.len());
    for path in paths {
        contents.push(read(path).await?);
    }
    Ok(contents)
}

async fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let unreadable = |source| ReadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).await.map_err(unreadable)?;
    let mut content = Vec::new();
    let mut start = file.take(LONGEST + 1);
    start.read_to_end(&mut content).await.map_err(unreadable)?;
    if content.len() as u64 > LONGEST {
        let path = path.to_owned();
        return Err(ReadError::TooLong { path });
    }
    Ok(content)
}
