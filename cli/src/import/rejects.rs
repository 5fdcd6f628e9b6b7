//! The file of the rows that were not taken: as they were, with their line and the reason behind,
//! so that it can be mended and imported.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use spice_core::name::InstanceId;

use super::{
    identity::Identity,
    options::with_ending,
    plan::{LINE, Plan, REASON, Reserved, Target},
    reader::{BrokenQuote, Dialect, Record},
    row::Reason,
    text::show,
};

/// The rejects of an import. The file is there when there is one.
pub(super) struct Rejects {
    path: PathBuf,
    dialect: Dialect,
    head: Vec<String>,
    /// Columns that are written; those that an earlier import added are not.
    kept: Vec<bool>,
    /// Whether rows may have no key, so that an id of their own keeps them apart once mended.
    has_ids: bool,
    writer: Option<BufWriter<File>>,
    /// The row that is being written.
    row: Vec<u8>,
}

impl Rejects {
    /// A new file; one that is there is kept beside it, for someone may have mended it.
    pub(super) fn begin(path: &Path, dialect: Dialect, plan: &Plan) -> anyhow::Result<Self> {
        if path.is_file() {
            let kept =
                put_aside(path).with_context(|| format!("{} cannot be renamed", path.display()))?;
            tracing::info!(file = %path.display(), kept = %kept.display(), "earlier rejects are kept");
        }
        Ok(Self::new(path, dialect, plan))
    }

    /// Goes on with a file of which so many bytes count; none when it is shorter.
    pub(super) fn resume(
        path: &Path,
        dialect: Dialect,
        plan: &Plan,
        bytes: u64,
    ) -> anyhow::Result<Option<Self>> {
        let mut rejects = Self::new(path, dialect, plan);
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
        rejects.writer = Some(BufWriter::new(file));
        Ok(Some(rejects))
    }

    fn new(path: &Path, dialect: Dialect, plan: &Plan) -> Self {
        let columns = &plan.columns;
        let kept: Vec<bool> = columns
            .iter()
            .map(|column| column.target != Target::Note)
            .collect();
        let names = columns
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| **kept)
            .map(|(column, _)| column.name.clone());
        let has_ids = matches!(plan.identity, Identity::Content | Identity::Own(_));
        let id = has_ids.then(|| Reserved::Id.name(&plan.class));
        let notes = [LINE, REASON].map(str::to_owned);
        let head = names.chain(id).chain(notes).collect();
        Self {
            path: path.to_owned(),
            dialect,
            head,
            kept,
            has_ids,
            writer: None,
            row: Vec::new(),
        }
    }

    /// Adds a row. Its fields stay as many as they were, so that what was wrong stays wrong until
    /// someone mends it; bytes that are no text are written as `\xE9`.
    pub(super) fn add(
        &mut self,
        plan: &Plan,
        record: &Record,
        id: Option<&InstanceId>,
        reasons: &[Reason],
    ) -> anyhow::Result<()> {
        let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        self.row.clear();
        if self.writer.is_none() {
            for name in &self.head {
                write_field(name.as_bytes(), self.dialect, &mut self.row);
            }
            end_row(&mut self.row);
        }
        if let Some(broken) = &record.broken_quote {
            let text = without_notes(plan, record, broken);
            self.row.extend_from_slice(show(text).as_bytes());
            self.row.push(self.dialect.delimiter);
        } else {
            let kept = |index: usize| self.kept.get(index).copied().unwrap_or(true);
            // A row that fits gets as many fields as the head has.
            let count = if plan.fits(record) {
                plan.columns.len()
            } else {
                record.len()
            };
            for index in (0..count).filter(|index| kept(*index)) {
                write_field(record.field(index), self.dialect, &mut self.row);
            }
        }
        if self.has_ids {
            let id = id.filter(|_| plan.is_by_content(record));
            let id = id.map_or("", |id| id.as_str());
            write_field(id.as_bytes(), self.dialect, &mut self.row);
        }
        write_field(
            record.line.to_string().as_bytes(),
            self.dialect,
            &mut self.row,
        );
        write_field(reasons.join("; ").as_bytes(), self.dialect, &mut self.row);
        end_row(&mut self.row);
        self.write_row()
            .with_context(|| format!("{} cannot be written", self.path.display()))
    }

    fn write_row(&mut self) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            empty => empty.insert(BufWriter::new(File::create(&self.path)?)),
        };
        writer.write_all(&self.row)
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
}

/// A row as it stands in the file, without what an earlier import wrote behind it.
fn without_notes<'a>(plan: &Plan, record: &Record, broken: &'a BrokenQuote) -> &'a [u8] {
    let line = record.len().checked_sub(2).map(|it| record.field(it));
    let has_notes = plan.reasons.is_some() && line.is_some_and(Plan::is_line);
    if has_notes {
        &broken.text[..broken.before_last_two]
    } else {
        &broken.text
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

/// Appends a field and a delimiter.
fn write_field(field: &[u8], dialect: Dialect, row: &mut Vec<u8>) {
    let field = show(field);
    let is_special = |byte: u8| {
        matches!(byte, b'"' | b'\r' | b'\n')
            || byte == dialect.delimiter
            || dialect.escape == Some(byte)
    };
    let is_quoted = field.bytes().any(is_special);
    if is_quoted {
        row.push(b'"');
    }
    for byte in field.bytes() {
        if byte == b'"' || dialect.escape == Some(byte) {
            row.push(byte);
        }
        row.push(byte);
    }
    if is_quoted {
        row.push(b'"');
    }
    row.push(dialect.delimiter);
}

/// Puts the end of a line in the place of the last delimiter.
fn end_row(row: &mut Vec<u8>) {
    row.pop();
    row.push(b'\n');
}
