//! Where an export goes: standard output, or a file with a note beside it of how far it has come. A
//! table waits in a file of lines until all of it is there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::walk::Walk;
use crate::failure::usage;

/// How far an export has come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// What is exported, so that another export does not go on with this file.
    what: Value,
    /// How many bytes of the file are whole.
    bytes: u64,
    /// How many instances these are.
    pub(super) rows: u64,
    /// What comes next.
    pub(super) walk: Walk,
}

pub(super) struct Sink {
    out: Out,
    pub(super) state: State,
}

enum Out {
    Standard(BufWriter<io::Stdout>),
    /// Lines that become a table on standard output.
    Waiting(BufWriter<File>),
    File {
        file: BufWriter<File>,
        paths: Paths,
    },
}

/// The files of an export to a file.
struct Paths {
    /// What the user named.
    to: PathBuf,
    /// Where lines go: the same, or a file beside it when they become a table.
    lines: PathBuf,
    note: PathBuf,
}

impl Paths {
    fn new(to: &Path, is_table: bool) -> Self {
        let beside = |ending: &str| {
            let mut path = to.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        Self {
            lines: if is_table {
                beside(".rows")
            } else {
                to.to_owned()
            },
            note: beside(".state"),
            to: to.to_owned(),
        }
    }
}

impl Sink {
    /// Begins an export of all that `walk` has before it, or goes on with an earlier one.
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
            let out = if is_table {
                Out::Waiting(BufWriter::new(tempfile::tempfile()?))
            } else {
                Out::Standard(BufWriter::new(io::stdout()))
            };
            return Ok(Self { out, state: fresh });
        };
        let paths = Paths::new(to, is_table);
        let state = if resume {
            read_note(&paths.note)?
        } else {
            fresh
        };
        if state.what != *what {
            return Err(usage(format!(
                "{} is an export of something else: {}",
                to.display(),
                state.what
            )));
        }
        let file = open_lines(&paths.lines, &state)?;
        // The note first: an older one would tell of bytes that are no longer there.
        write_note(&paths.note, &state)?;
        // What came after the last note is written again.
        file.set_len(state.bytes)?;
        let mut file = BufWriter::new(file);
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            out: Out::File { file, paths },
            state,
        })
    }

    pub(super) fn write(&mut self, line: &str) -> anyhow::Result<()> {
        self.state.bytes += line.len() as u64 + 1;
        let written = match &mut self.out {
            Out::Standard(out) => writeln!(out, "{line}"),
            Out::Waiting(file) | Out::File { file, .. } => writeln!(file, "{line}"),
        };
        ended_by_reader(written)
    }

    /// What was written so far is kept, and noted.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        match &mut self.out {
            Out::Standard(out) => ended_by_reader(out.flush()),
            Out::Waiting(file) => Ok(file.flush()?),
            Out::File { file, paths } => {
                file.flush()?;
                file.get_ref().sync_data()?;
                write_note(&paths.note, &self.state)
            }
        }
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.keep()?;
        if let Out::File { paths, .. } = &self.out {
            fs::remove_file(&paths.note)?;
        }
        Ok(())
    }

    /// The lines of a table, from the first on.
    pub(super) fn lines(&mut self) -> anyhow::Result<Box<dyn BufRead>> {
        self.keep()?;
        let file = match &mut self.out {
            Out::Standard(_) => anyhow::bail!("what is written already cannot be read again"),
            Out::Waiting(file) => {
                file.rewind()?;
                file.get_ref().try_clone()?
            }
            Out::File { paths, .. } => File::open(&paths.lines)?,
        };
        Ok(Box::new(BufReader::new(file)))
    }

    /// Writes what the lines became where they were to go, whole or not at all.
    pub(super) fn replace(
        self,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Out::File { paths, .. } = &self.out else {
            let mut out = BufWriter::new(io::stdout().lock());
            return match write(&mut out).and_then(|()| Ok(out.flush()?)) {
                Err(error) if is_ended_by_reader(&error) => std::process::exit(0),
                other => other,
            };
        };
        replace(&paths.to, write)?;
        // Without its note the export is over; until then it can be gone on with.
        fs::remove_file(&paths.note)?;
        Ok(fs::remove_file(&paths.lines)?)
    }
}

/// Writes a file as a whole: what was there stays until the new one is on the disk.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let file = File::create(&beside).with_context(|| cannot_be_written(path))?;
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_data()?;
    Ok(fs::rename(&beside, path)?)
}

fn cannot_be_written(path: &Path) -> String {
    format!("{} cannot be written", path.display())
}

fn read_note(note: &Path) -> anyhow::Result<State> {
    let text = match fs::read(note) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let note = note.display();
            return Err(usage(format!(
                "there is no {note}: no export to this file has stopped"
            )));
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be read", note.display()));
        }
    };
    serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is no note of an export; start again without --resume",
            note.display()
        )
    })
}

/// Opens the file of the lines, of which so many bytes must be there.
fn open_lines(path: &Path, state: &State) -> anyhow::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(state.bytes == 0)
        .truncate(false)
        .open(path)
        .with_context(|| cannot_be_written(path))?;
    let length = file.metadata()?.len();
    if length < state.bytes {
        return Err(usage(format!(
            "{} has {length} of the {} bytes that were exported to it; start again without --resume",
            path.display(),
            state.bytes
        )));
    }
    Ok(file)
}

/// Replaces the note whole, or not at all.
fn write_note(note: &Path, state: &State) -> anyhow::Result<()> {
    let text = serde_json::to_vec(state)?;
    replace(note, |out| Ok(out.write_all(&text)?))
}

/// A reader that has gone away (`| head`) is no failure.
fn ended_by_reader(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

fn is_ended_by_reader(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    //! What an export that died leaves is gone on with, or refused, and never padded.
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
    fn a_file_that_is_gone_or_shorter_than_its_note_is_refused_and_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.ndjson");
        let mut sink = open(&path, false).unwrap();
        sink.write("one").unwrap();
        sink.write("two").unwrap();
        sink.keep().unwrap();
        drop(sink);
        std::fs::write(&path, "one\n").unwrap();
        let error = open(&path, true).err().unwrap().to_string();
        assert!(error.contains("has 4 of the 8 bytes"), "{error}");
        assert!(error.contains("without --resume"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
        std::fs::remove_file(&path).unwrap();
        let error = open(&path, true).err().unwrap().to_string();
        assert!(error.contains("all.ndjson"), "{error}");
        assert!(!path.exists());
        // What is longer is cut to what was noted.
        std::fs::write(&path, "one\ntwo\nthr").unwrap();
        let mut sink = open(&path, true).unwrap();
        sink.write("three").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\nthree\n");
    }

    #[test]
    fn an_export_that_is_begun_anew_forgets_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.ndjson");
        let mut sink = open(&path, false).unwrap();
        sink.write("old").unwrap();
        sink.keep().unwrap();
        drop(sink);
        // It dies before it keeps anything, and that is gone on with.
        drop(open(&path, false).unwrap());
        let mut sink = open(&path, true).unwrap();
        assert_eq!(sink.state.bytes, 0);
        sink.write("new").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
