//! The destination of an export: standard output, or a file with a note next to it about the
//! progress. A table is kept in a file of lines until it is complete.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Seek, SeekFrom, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spice_import::{add_suffix, replace};

use super::walk::Walk;
use crate::failure::usage;

/// The progress of an export.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// What is exported, so that another export does not continue in this file.
    what: Value,
    /// The number of complete bytes in the file.
    bytes: u64,
    /// The number of instances in them.
    pub(super) rows: u64,
    /// What comes next.
    pub(super) walk: Walk,
}

pub(super) struct Sink {
    /// Standard output, or a file of lines.
    out: BufWriter<File>,
    /// The files; none for an export to standard output.
    paths: Option<Paths>,
    pub(super) state: State,
}

/// The files of an export to a file.
struct Paths {
    /// The file that the user named.
    to: PathBuf,
    /// The file of the lines: the same, or a file next to it if they will become a table.
    lines: PathBuf,
    note: PathBuf,
}

impl Paths {
    fn new(to: &Path, is_table: bool) -> Self {
        let lines = if is_table { ".rows" } else { "" };
        Self {
            lines: add_suffix(to, lines),
            note: add_suffix(to, ".state"),
            to: to.to_owned(),
        }
    }
}

impl Sink {
    /// Starts an export of everything in `walk`, or resumes an earlier one.
    pub(super) fn open(
        to: Option<&Path>,
        is_table: bool,
        resume: bool,
        what: &Value,
        walk: Walk,
    ) -> anyhow::Result<Self> {
        let fresh = State {
            what: what.clone(),
            walk,
            ..State::default()
        };
        let Some(to) = to else {
            let file = if is_table {
                // The lines will become a table on standard output.
                tempfile::tempfile()?
            } else {
                File::from(io::stdout().as_fd().try_clone_to_owned()?)
            };
            return Ok(Self {
                out: BufWriter::new(file),
                paths: None,
                state: fresh,
            });
        };
        let paths = Paths::new(to, is_table);
        let state = if resume {
            read_note(&paths.note)?
        } else {
            fresh
        };
        if state.what != *what {
            return Err(usage(format!(
                "{} contains another export: {}",
                to.display(),
                state.what
            )));
        }
        let file = open_lines(&paths.lines, &state)?;
        // Write the note first: an older note would describe bytes that no longer exist.
        write_note(&paths.note, &state)?;
        // Bytes after the last note are written again.
        file.set_len(state.bytes)?;
        let mut out = BufWriter::new(file);
        out.seek(SeekFrom::End(0))?;
        Ok(Self {
            out,
            paths: Some(paths),
            state,
        })
    }

    pub(super) fn write(&mut self, line: &str) -> anyhow::Result<()> {
        self.state.bytes += line.len() as u64 + 1;
        ignore_closed_pipe(writeln!(self.out, "{line}"))
    }

    /// Writes what is buffered. In a file, syncs it and writes the note.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        ignore_closed_pipe(self.out.flush())?;
        let Some(paths) = &self.paths else {
            return Ok(());
        };
        self.out.get_ref().sync_data()?;
        write_note(&paths.note, &self.state)
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.keep()?;
        if let Some(paths) = &self.paths {
            fs::remove_file(&paths.note)?;
        }
        Ok(())
    }

    /// The lines of a table, from the first. Nothing can be written after them.
    pub(super) fn lines(&mut self) -> anyhow::Result<BufReader<File>> {
        self.keep()?;
        self.out.rewind()?;
        Ok(BufReader::new(self.out.get_ref().try_clone()?))
    }

    /// Replaces the destination with the finished table, completely or not at all.
    pub(super) fn replace(
        self,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Some(paths) = &self.paths else {
            let mut out = BufWriter::new(io::stdout().lock());
            return match write(&mut out).and_then(|()| Ok(out.flush()?)) {
                Err(error) if is_closed_pipe(&error) => std::process::exit(0),
                other => other,
            };
        };
        replace(&paths.to, write).with_context(|| describe_write_failure(&paths.to))?;
        // Removing the note ends the export. Until then it can be resumed.
        fs::remove_file(&paths.note)?;
        Ok(fs::remove_file(&paths.lines)?)
    }
}

fn describe_write_failure(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn read_note(note: &Path) -> anyhow::Result<State> {
    let name = note.display();
    if !note.exists() {
        return Err(usage(format!(
            "there is no {name}, so no export to this file can be resumed"
        )));
    }
    let text = fs::read(note).with_context(|| format!("cannot read {name}"))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{name} is not a note of an export; start again without --resume"))
}

/// Opens the file of lines, which must contain at least the noted number of bytes.
fn open_lines(path: &Path, state: &State) -> anyhow::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(state.bytes == 0)
        .truncate(false)
        .open(path)
        .with_context(|| describe_write_failure(path))?;
    let length = file.metadata()?.len();
    if length < state.bytes {
        return Err(usage(format!(
            "{} has {length} of the {} exported bytes; start again without --resume",
            path.display(),
            state.bytes
        )));
    }
    Ok(file)
}

/// Replaces the note, completely or not at all.
fn write_note(note: &Path, state: &State) -> anyhow::Result<()> {
    let text = serde_json::to_vec(state)?;
    replace(note, |out| out.write_all(&text)).with_context(|| describe_write_failure(note))
}

/// A reader that has closed the pipe (`| head`) is not an error.
fn ignore_closed_pipe(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    //! An interrupted export is resumed or refused, and never padded.
    use super::*;

    fn open(path: &Path, resume: bool) -> anyhow::Result<Sink> {
        Sink::open(
            Some(path),
            false,
            resume,
            &Value::from("all"),
            Walk::default(),
        )
    }

    #[test]
    fn a_missing_or_short_file_is_refused_and_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.ndjson");
        let mut sink = open(&path, false).unwrap();
        sink.write("one").unwrap();
        sink.write("two").unwrap();
        sink.keep().unwrap();
        drop(sink);
        std::fs::write(&path, "one\n").unwrap();
        let error = open(&path, true).err().unwrap().to_string();
        assert!(error.contains("has 4 of the 8 exported bytes"), "{error}");
        assert!(error.contains("without --resume"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
        std::fs::remove_file(&path).unwrap();
        let error = open(&path, true).err().unwrap().to_string();
        assert!(error.contains("all.ndjson"), "{error}");
        assert!(!path.exists());
        // A file that is too long is cut to the noted length.
        std::fs::write(&path, "one\ntwo\nthr").unwrap();
        let mut sink = open(&path, true).unwrap();
        sink.write("three").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn a_new_export_forgets_the_previous_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.ndjson");
        let mut sink = open(&path, false).unwrap();
        sink.write("old").unwrap();
        sink.keep().unwrap();
        drop(sink);
        // The export dies before it writes anything, and is resumed.
        drop(open(&path, false).unwrap());
        let mut sink = open(&path, true).unwrap();
        assert_eq!(sink.state.bytes, 0);
        sink.write("new").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
