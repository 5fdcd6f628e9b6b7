//! The file of the rows that were not taken: as they were, with their line and the reason behind,
//! so that it can be mended and imported.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{
    options::with_ending,
    plan::{Column, LINE, REASON, Target},
    reader::Record,
    row::Reason,
};

/// The rejects of an import. The file is there when there is one.
pub(super) struct Rejects {
    path: PathBuf,
    delimiter: u8,
    head: Vec<String>,
    /// Columns that are written; those that an earlier import added are not.
    kept: Vec<bool>,
    writer: Option<csv::Writer<File>>,
}

impl Rejects {
    /// A new file; one that is there is kept beside it, for someone may have mended it.
    pub(super) fn begin(path: &Path, delimiter: u8, columns: &[Column]) -> anyhow::Result<Self> {
        if path.is_file() {
            let kept =
                put_aside(path).with_context(|| format!("{} cannot be renamed", path.display()))?;
            tracing::info!(file = %path.display(), kept = %kept.display(), "earlier rejects are kept");
        }
        Ok(Self::new(path, delimiter, columns))
    }

    /// Goes on with a file of which so many bytes count; none when it is shorter.
    pub(super) fn resume(
        path: &Path,
        delimiter: u8,
        columns: &[Column],
        bytes: u64,
    ) -> anyhow::Result<Option<Self>> {
        let mut rejects = Self::new(path, delimiter, columns);
        let context = || format!("{} cannot be written", path.display());
        if bytes == 0 {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(error).with_context(context)
                }
                _ => Ok(Some(rejects)),
            };
        }
        let mut file = match OpenOptions::new().write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(context),
        };
        if file.metadata()?.len() < bytes {
            return Ok(None);
        }
        file.set_len(bytes)?;
        file.seek(SeekFrom::End(0))?;
        rejects.writer = Some(rejects.write_to(file));
        Ok(Some(rejects))
    }

    fn new(path: &Path, delimiter: u8, columns: &[Column]) -> Self {
        let kept: Vec<bool> = columns
            .iter()
            .map(|column| column.target != Target::Note)
            .collect();
        let names = columns
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| **kept)
            .map(|(column, _)| column.name.clone());
        let notes = [LINE, REASON].map(str::to_owned);
        let head = names.chain(notes).collect();
        Self {
            path: path.to_owned(),
            delimiter,
            head,
            kept,
            writer: None,
        }
    }

    /// Adds a row. Its fields stay as many as they were, so that what was wrong stays wrong until
    /// someone mends it.
    pub(super) fn add(&mut self, record: &Record, reasons: &[Reason]) -> anyhow::Result<()> {
        let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        let (line, reason) = (record.line.to_string(), reasons.join("; "));
        let fields = record
            .fields()
            .enumerate()
            .filter(|(index, _)| self.kept.get(*index).copied().unwrap_or(true))
            .map(|(_, field)| field);
        let row = fields.chain([line.as_bytes(), reason.as_bytes()]);
        let written = match &mut self.writer {
            Some(writer) => writer.write_record(row),
            empty => {
                let file = File::create(&self.path)
                    .with_context(|| format!("{} cannot be written", self.path.display()))?;
                let writer = empty.insert(write_to(file, self.delimiter));
                writer
                    .write_record(&self.head)
                    .and_then(|()| writer.write_record(row))
            }
        };
        written.with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// Brings what was added to the disk; how many bytes the file has.
    pub(super) fn flush(&mut self) -> anyhow::Result<u64> {
        let Some(writer) = &mut self.writer else {
            return Ok(0);
        };
        writer.flush()?;
        let file = writer.get_ref();
        file.sync_data()?;
        Ok(file.metadata()?.len())
    }

    /// The file, when there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.writer.is_some().then_some(self.path.as_path())
    }

    fn write_to(&self, file: File) -> csv::Writer<File> {
        write_to(file, self.delimiter)
    }
}

/// Renames a file to the first `.old.1`, `.old.2` … that is free.
pub(super) fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let mut number: u32 = 1;
    loop {
        let kept = with_ending(path, &format!(".old.{number}"));
        // The name is taken before it is renamed over: it may be another import's a moment later.
        match File::create_new(&kept) {
            Ok(_) => return std::fs::rename(path, &kept).map(|()| kept),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

fn write_to(file: File, delimiter: u8) -> csv::Writer<File> {
    csv::WriterBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_writer(file)
}
