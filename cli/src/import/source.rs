//! The file, or standard input: its head, and the rows from a place on.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use anyhow::Context;
use spice_core::error::{ErrorCode, Refusal};

use super::{
    journal::fingerprint,
    options::Options,
    reader::{Place, Reader, Record},
};

/// An input that is open.
pub(super) struct Source {
    pub(super) head: Record,
    /// Stands behind the head.
    pub(super) reader: Reader<Box<dyn Read + Send>>,
    /// What tells the file from another; none for standard input.
    pub(super) fingerprint: Option<String>,
    /// Bytes in all, if that is known.
    pub(super) bytes: Option<u64>,
}

impl Source {
    /// Opens it and reads the head.
    pub(super) fn open(options: &Options) -> anyhow::Result<Self> {
        let (input, fingerprint, bytes) = if options.is_stream() {
            (Box::new(io::stdin()) as Box<dyn Read + Send>, None, None)
        } else {
            let mut file = open(options)?;
            let fingerprint = fingerprint(&mut file)?;
            file.rewind()?;
            let bytes = file.metadata()?.len();
            (Box::new(file) as _, Some(fingerprint), Some(bytes))
        };
        let mut reader = Reader::new(input, options.delimiter(), Place::START);
        let Some(head) = reader.read()? else {
            let message = format!(
                "{} is empty; its first line names the columns",
                options.file.display()
            );
            return Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
        };
        Ok(Self {
            head,
            reader,
            fingerprint,
            bytes,
        })
    }

    /// Goes to a place that was behind a row.
    pub(super) fn go_to(&mut self, options: &Options, place: Place) -> anyhow::Result<()> {
        let mut file = open(options)?;
        file.seek(SeekFrom::Start(place.offset))?;
        self.reader = Reader::new(Box::new(file), options.delimiter(), place);
        Ok(())
    }
}

fn open(options: &Options) -> anyhow::Result<File> {
    let path = &options.file;
    let failed = |reason: &dyn std::fmt::Display, code| {
        Refusal::new(code, format!("{} cannot be read: {reason}", path.display()))
    };
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed(&"there is no such file", ErrorCode::NotFound),
        _ => failed(&error, ErrorCode::InvalidRequest),
    })?;
    if file.metadata().context("no metadata")?.is_dir() {
        return Err(failed(&"it is a folder", ErrorCode::InvalidRequest).into());
    }
    Ok(file)
}
