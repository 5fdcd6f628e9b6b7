//! Appends: a file is written and synced before it gets its name, and it gets the name only if no
//! other file has it.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use spice_core::port::{
    StoreResult,
    log::{Append, Batch},
};

use spice_store_segment::{Encoder, Lines};

use super::{
    Inner,
    failure::{damaged, rejected, unavailable},
    fault::Step,
    index::Segment,
    mutex::lock_mutex,
    scan::{self, TEMPORARY},
    stream::{Stream, Writer},
};

/// Speed over size: merges compress the bytes better later.
const LEVEL: i32 = 1;
const SPARE_ENCODERS: usize = 2;

/// Unfinished files get names that were never used, so that no write goes to a file that is also a
/// segment.
static UNFINISHED: AtomicU64 = AtomicU64::new(0);

impl Inner {
    pub(super) fn append(&self, stream: &Stream, batch: &Batch) -> StoreResult<Append> {
        let mut writer = lock_mutex(&stream.writer);
        self.settle_with(stream, &mut writer)?;
        self.check_tail(stream, &mut writer)?;
        let end = stream.end();
        if batch.first.0 > end {
            return Err(rejected(format!(
                "an append at {} to the log of {}, which ends at {end}",
                batch.first, stream.name
            )));
        }
        if batch.first.0 < end {
            return Ok(Append::Occupied);
        }
        let lines = Lines::join(&batch.lines);
        let file = self
            .encode(stream, end, &lines)
            .map_err(|error| rejected(format!("cannot compress the batch: {error}")))?;
        self.open_directory(stream, &mut writer)?;
        let answer = self.write(stream, &writer, end, &file)?;
        match answer {
            Append::Done => self.add_segment(stream, end, lines),
            Append::Occupied => {
                stream.mark_uncertain();
                self.settle_with(stream, &mut writer)?;
            }
            Append::Unknown => stream.mark_uncertain(),
        }
        Ok(answer)
    }

    /// Finds out whether an append with an unknown result is in the log.
    pub(super) fn settle(&self, stream: &Stream) -> StoreResult<()> {
        self.settle_with(stream, &mut lock_mutex(&stream.writer))
    }

    fn settle_with(&self, stream: &Stream, writer: &mut Writer) -> StoreResult<()> {
        stream.check()?;
        if !stream.is_uncertain() {
            return Ok(());
        }
        self.open_directory(stream, writer)?;
        let first = stream.end();
        let path = stream.file(first);
        let failed = |error| unavailable(format!("cannot settle {}: {error}", path.display()));
        let is_there = path.try_exists().map_err(failed)?;
        if is_there {
            // Data must be durable before it is shown.
            File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(failed)?;
        }
        self.sync_directory(writer).map_err(failed)?;
        if is_there {
            match scan::load(&path, &stream.name, first)? {
                Ok(lines) => self.add_segment(stream, first, lines),
                Err(reason) => {
                    let reason = format!("{}: {reason}", path.display());
                    stream.refuse(std::slice::from_ref(&reason));
                    return Err(damaged(reason));
                }
            }
        }
        stream.mark_certain();
        Ok(())
    }

    fn add_segment(&self, stream: &Stream, first: u64, lines: Lines) {
        let count = u32::try_from(lines.count()).unwrap_or(u32::MAX);
        let segment = Segment {
            first,
            count,
            raw_length: lines.length() as u64,
            opened_at: OnceLock::new(),
            identity: OnceLock::new(),
        };
        // If this stays unknown, the next append checks again.
        if let Ok(Ok((_, file))) = scan::inspect(&stream.file(first), false) {
            segment.identity.get_or_init(|| file);
        }
        lock_mutex(&self.cache).put((stream.id.clone(), first, count), Arc::new(lines));
        stream.push(Arc::new(segment));
        lock_mutex(&self.grown).insert(stream.id.clone());
        self.merge_wake.notify_one();
    }

    /// The first segment of a log is durable only when its directory is.
    fn open_directory(&self, stream: &Stream, writer: &mut Writer) -> StoreResult<()> {
        if writer.directory.is_some() {
            return Ok(());
        }
        let open = || {
            if stream.end() == 0 {
                match fs::create_dir(&stream.directory) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                    _ => File::open(&self.root)?.sync_all()?,
                }
            }
            File::open(&stream.directory)
        };
        let directory = open().map_err(|error| {
            unavailable(format!(
                "cannot create {}: {error}",
                stream.directory.display()
            ))
        })?;
        writer.directory = Some(directory);
        Ok(())
    }

    fn write(
        &self,
        stream: &Stream,
        writer: &Writer,
        first: u64,
        bytes: &[u8],
    ) -> StoreResult<Append> {
        let temporary = stream.directory.join(unfinished_name("append"));
        let path = stream.file(first);
        if let Err(error) = self.write_synced(&temporary, bytes) {
            remove_unfinished(&temporary);
            return Err(unavailable(format!(
                "cannot write {}: {error}",
                path.display()
            )));
        }
        let linked = self
            .faults
            .fail_at(Step::Publish)
            .and_then(|()| fs::hard_link(&temporary, &path))
            .and_then(|()| self.faults.fail_at(Step::Published));
        remove_unfinished(&temporary);
        match linked {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(Append::Occupied),
            Err(error) if is_certain(error.kind()) => {
                return Err(unavailable(format!(
                    "cannot link {}: {error}",
                    path.display()
                )));
            }
            Err(error) => return Ok(unknown_outcome(&path, &error)),
        }
        match self.sync_directory(writer) {
            Ok(()) => Ok(Append::Done),
            Err(error) => Ok(unknown_outcome(&path, &error)),
        }
    }

    /// Encoders are large and few: the logs share them.
    fn encode(&self, stream: &Stream, first: u64, lines: &Lines) -> io::Result<Vec<u8>> {
        let spare = lock_mutex(&self.encoders).pop();
        let mut encoder = spare.map_or_else(|| Encoder::new(LEVEL), Ok)?;
        let file = encoder.encode(&stream.name, first, lines)?;
        let mut spare = lock_mutex(&self.encoders);
        if spare.len() < SPARE_ENCODERS {
            spare.push(encoder);
        }
        Ok(file)
    }

    /// Writes a new file and makes all of it durable.
    pub(super) fn write_synced(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create_new(path)?;
        self.faults.fail_at(Step::Write)?;
        file.write_all(bytes)?;
        self.faults.fail_at(Step::SyncFile)?;
        file.sync_data()
    }

    fn sync_directory(&self, writer: &Writer) -> io::Result<()> {
        self.faults.fail_at(Step::SyncDirectory)?;
        writer.directory.as_ref().map_or(Ok(()), File::sync_all)
    }
}

/// Returns a name that [`scan`] recognizes as unfinished.
pub(super) fn unfinished_name(purpose: &str) -> String {
    let number = UNFINISHED.fetch_add(1, Ordering::Relaxed);
    format!("{TEMPORARY}{purpose}-{}-{number}", std::process::id())
}

/// A leftover is harmless: the next start removes it.
pub(super) fn remove_unfinished(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(file = %path.display(), %error, "cannot remove an unfinished file");
    }
}

/// Returns whether this error proves that nothing was linked.
fn is_certain(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::NotFound
            | ErrorKind::Unsupported
            | ErrorKind::TooManyLinks
    )
}

fn unknown_outcome(path: &Path, error: &io::Error) -> Append {
    tracing::error!(file = %path.display(), %error, "it is unknown whether an append is durable");
    Append::Unknown
}
