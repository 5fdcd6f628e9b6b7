//! Where an export goes: standard output, or a file with a note beside it of how far it has come.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// The class that is being written, counted from 0.
    pub(super) class: usize,
    /// Where its next page starts.
    pub(super) cursor: Option<String>,
}

pub(super) struct Sink {
    out: Out,
    pub(super) state: State,
}

enum Out {
    Standard(BufWriter<io::Stdout>),
    File {
        file: BufWriter<File>,
        note: PathBuf,
    },
}

impl Sink {
    pub(super) fn open(to: Option<&Path>, resume: bool, what: &Value) -> anyhow::Result<Self> {
        let fresh = State {
            what: what.clone(),
            ..State::default()
        };
        let Some(path) = to else {
            return Ok(Self {
                out: Out::Standard(BufWriter::new(io::stdout())),
                state: fresh,
            });
        };
        let mut note = path.as_os_str().to_owned();
        note.push(".state");
        let note = PathBuf::from(note);
        let state = if resume {
            let text = std::fs::read(&note).map_err(|_| {
                usage(format!(
                    "there is no {}: no export to this file has stopped",
                    note.display()
                ))
            })?;
            serde_json::from_slice(&text)
                .with_context(|| format!("{} cannot be read", note.display()))?
        } else {
            fresh
        };
        if state.what != *what {
            return Err(usage(format!(
                "{} is an export of something else: {}",
                path.display(),
                state.what
            )));
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create(state.bytes == 0)
            .truncate(false)
            .open(path)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        let length = file.metadata()?.len();
        if length < state.bytes {
            return Err(usage(format!(
                "{} has {length} of the {} bytes that were exported to it; start again without --resume",
                path.display(),
                state.bytes
            )));
        }
        // The note first: an older one would tell of bytes that are no longer there.
        write_note(&note, &state)?;
        // What came after the last note is written again.
        file.set_len(state.bytes)?;
        file.seek(SeekFrom::End(0))?;
        let file = BufWriter::new(file);
        Ok(Self {
            out: Out::File { file, note },
            state,
        })
    }

    /// Whether nothing is written yet.
    pub(super) fn is_empty(&self) -> bool {
        self.state.bytes == 0
    }

    pub(super) fn write(&mut self, line: &str) -> anyhow::Result<()> {
        self.state.bytes += line.len() as u64 + 1;
        let written = match &mut self.out {
            Out::Standard(out) => writeln!(out, "{line}"),
            Out::File { file, .. } => writeln!(file, "{line}"),
        };
        ended_by_reader(written)
    }

    /// What was written so far is kept, and noted.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        match &mut self.out {
            Out::Standard(out) => ended_by_reader(out.flush()),
            Out::File { file, note } => {
                file.flush()?;
                file.get_ref().sync_data()?;
                write_note(note, &self.state)
            }
        }
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.keep()?;
        if let Out::File { note, .. } = &self.out {
            std::fs::remove_file(note)?;
        }
        Ok(())
    }
}

/// Replaces the note whole, or not at all.
fn write_note(note: &Path, state: &State) -> anyhow::Result<()> {
    let beside = note.with_extension("state.new");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(state)?)?;
    file.sync_data()?;
    std::fs::rename(&beside, note)?;
    Ok(())
}

/// A reader that has gone away (`| head`) is no failure.
fn ended_by_reader(written: io::Result<()>) -> anyhow::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    //! What an export that died leaves is gone on with, or refused, and never padded.
    use super::*;

    fn open(path: &Path, resume: bool) -> anyhow::Result<Sink> {
        Sink::open(Some(path), resume, &Value::from("all"))
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
        assert!(sink.is_empty());
        sink.write("new").unwrap();
        sink.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
