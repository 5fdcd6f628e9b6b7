//! The file of the rejected rows, in the order of the input, so that they can be corrected and
//! imported.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use crate::{
    error::{Result, write_error},
    paths::{add_suffix, remove, replace},
};

/// A rejected row that waited, in the form of the file.
pub(crate) struct Late {
    /// The line where it starts in the input.
    pub(crate) line: u64,
    /// Bytes of the rejects before its place.
    pub(crate) place: u64,
    pub(crate) row: Vec<u8>,
}

/// The rejects of an import. The file exists once there is one.
pub(crate) struct Rejects {
    path: PathBuf,
    /// The start of the file.
    head: Vec<u8>,
    writer: Option<BufWriter<File>>,
    /// The size of the file.
    length: u64,
}

impl Rejects {
    /// Creates a new file. An existing one is kept under another name, because someone may have
    /// corrected its rows.
    pub(crate) fn begin(path: &Path, head: Vec<u8>) -> Result<Self> {
        if path.is_file() {
            rename_old(path).map_err(write_error(path, "renamed"))?;
        }
        Ok(Self::new(path, head))
    }

    /// Continues a file with the given number of valid bytes; none if it is shorter.
    pub(crate) fn resume(path: &Path, head: Vec<u8>, bytes: u64) -> Result<Option<Self>> {
        let mut rejects = Self::new(path, head);
        if bytes == 0 {
            remove(path).map_err(write_error(path, "written"))?;
            return Ok(Some(rejects));
        }
        let file = match open_for_append(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(write_error(path, "written")(error)),
        };
        if file.metadata().map_err(write_error(path, "read"))?.len() < bytes {
            return Ok(None);
        }
        file.set_len(bytes).map_err(write_error(path, "written"))?;
        rejects.writer = Some(BufWriter::new(file));
        rejects.length = bytes;
        Ok(Some(rejects))
    }

    fn new(path: &Path, head: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            head,
            writer: None,
            length: 0,
        }
    }

    /// The size of the file, which is the place of the next row.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: &[u8]) -> Result<()> {
        self.try_add(row)
            .map_err(write_error(&self.path, "written"))
    }

    fn try_add(&mut self, row: &[u8]) -> io::Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            empty => {
                let writer = empty.insert(BufWriter::new(File::create(&self.path)?));
                writer.write_all(&self.head)?;
                self.length = self.head.len() as u64;
                writer
            }
        };
        writer.write_all(row)?;
        self.length += row.len() as u64;
        Ok(())
    }

    /// Inserts rows at their places, in the order of their lines. The file is copied once if rows
    /// follow a place.
    pub(crate) fn insert(&mut self, rows: &[Late]) -> Result<()> {
        if rows.iter().all(|late| late.place == self.length) {
            return rows.iter().try_for_each(|late| self.add(&late.row));
        }
        self.flush()?;
        self.try_insert(rows)
            .map_err(write_error(&self.path, "written"))
    }

    fn try_insert(&mut self, rows: &[Late]) -> io::Result<()> {
        let mut old = File::open(&self.path)?;
        replace(&self.path, |new| -> io::Result<()> {
            let mut copied = 0;
            for Late { place, row, .. } in rows {
                // A row whose place is the start comes after the header.
                let place = (*place).max(self.head.len() as u64);
                copied += io::copy(&mut (&old).take(place - copied), new)?;
                new.write_all(row)?;
            }
            io::copy(&mut old, new).map(drop)
        })?;
        self.length += rows.iter().map(|late| late.row.len() as u64).sum::<u64>();
        self.writer = Some(BufWriter::new(open_for_append(&self.path)?));
        Ok(())
    }

    /// Syncs what was added; returns the size of the file.
    pub(crate) fn flush(&mut self) -> Result<u64> {
        if let Some(writer) = &mut self.writer {
            let flushed = writer.flush().and_then(|()| writer.get_ref().sync_data());
            flushed.map_err(write_error(&self.path, "written"))?;
        }
        Ok(self.length)
    }

    /// The file, if it exists.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.writer.is_some().then_some(self.path.as_path())
    }
}

fn open_for_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

/// Renames a file to the first free `.old.1`, `.old.2` …
fn rename_old(path: &Path) -> io::Result<()> {
    let mut number: u32 = 1;
    loop {
        let kept = add_suffix(path, &format!(".old.{number}"));
        // Reserve the name before renaming over it, because another import may take it.
        match File::create_new(&kept) {
            Ok(_) => return fs::rename(path, &kept),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}
