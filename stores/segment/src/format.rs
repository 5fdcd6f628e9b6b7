//! The segment format: one envelope per line in one zstd frame with a content checksum, then an end
//! mark in a skippable frame, which zstd readers ignore.
//!
//! The end mark identifies the segment (log, first position, count) and has the length and the
//! checksum of the bytes before it. So a start knows a segment without decompressing it, and a file
//! that was truncated, torn, zeroed, overwritten or moved here from elsewhere is detected.

use std::ops::Range;

use bytes::Bytes;

/// The suffix of a segment file's name.
pub const SUFFIX: &str = ".ndjson.zst";
/// The length of the end mark.
pub const MARK_LENGTH: usize = 120;

const SKIPPABLE: u32 = 0x184D_2A5D;
const TAG: &[u8; 8] = b"SPICELOG";
const VERSION: u32 = 1;
const NAME_LENGTH: usize = 64;
const PAYLOAD_LENGTH: u32 = 112;
const CHECKED: usize = MARK_LENGTH - 4;

/// Returns the name of the segment file that starts at a position.
pub fn file_name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// Parses a name that [`file_name`] created.
pub fn parse_file_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// The end mark of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndMark {
    /// The log, by the name of its directory.
    pub stream: String,
    /// The position of the first line.
    pub first: u64,
    /// The number of lines.
    pub count: u32,
    /// The size of the lines in bytes, with their line ends.
    pub raw_length: u64,
    /// The number of bytes before the end mark.
    pub body_length: u64,
    /// CRC-32 of the bytes before the end mark.
    pub body_checksum: u32,
}

impl EndMark {
    fn write(&self) -> [u8; MARK_LENGTH] {
        let mut bytes = [0; MARK_LENGTH];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&SKIPPABLE.to_le_bytes());
        put(&PAYLOAD_LENGTH.to_le_bytes());
        put(TAG);
        put(&VERSION.to_le_bytes());
        put(&self.count.to_le_bytes());
        put(&self.first.to_le_bytes());
        put(&self.raw_length.to_le_bytes());
        put(&self.body_length.to_le_bytes());
        put(&self.body_checksum.to_le_bytes());
        let name = self.stream.as_bytes();
        put(&name[..name.len().min(NAME_LENGTH)]);
        let checksum = crc32fast::hash(&bytes[..CHECKED]);
        bytes[CHECKED..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the end mark from the last bytes of a file that is `file_length` bytes long.
    pub fn read(tail: &[u8], file_length: u64) -> Result<Self, String> {
        if file_length == 0 {
            return Err("is empty".to_owned());
        }
        let mark = tail
            .len()
            .checked_sub(MARK_LENGTH)
            .map(|start| &tail[start..])
            .filter(|mark| mark[..4] == SKIPPABLE.to_le_bytes() && &mark[8..16] == TAG);
        let Some(mark) = mark else {
            return Err(format!(
                "{} ({file_length} bytes)",
                explain_missing_mark(tail)
            ));
        };
        if u32_at(mark, CHECKED) != crc32fast::hash(&mark[..CHECKED]) {
            return Err("has an end mark that does not match its own checksum".to_owned());
        }
        if u32_at(mark, 16) != VERSION {
            return Err(format!(
                "is written in version {} of the format; this program reads {VERSION}",
                u32_at(mark, 16)
            ));
        }
        let name = &mark[52..CHECKED];
        let name = &name[..name.iter().position(|&b| b == 0).unwrap_or(NAME_LENGTH)];
        let found = Self {
            stream: String::from_utf8_lossy(name).into_owned(),
            count: u32_at(mark, 20),
            first: u64_at(mark, 24),
            raw_length: u64_at(mark, 32),
            body_length: u64_at(mark, 40),
            body_checksum: u32_at(mark, 48),
        };
        if found.body_length.saturating_add(MARK_LENGTH as u64) != file_length {
            return Err(format!(
                "is {file_length} bytes long, but its end mark says {}",
                found.body_length.saturating_add(MARK_LENGTH as u64)
            ));
        }
        Ok(found)
    }

    /// Checks that the segment belongs in this place.
    pub fn check_place(&self, stream: &str, first: u64) -> Result<(), String> {
        if self.stream != stream {
            return Err(format!("belongs to the log of {:?}", self.stream));
        }
        if self.first != first {
            return Err(format!("starts at position {}, not at {first}", self.first));
        }
        if self.count == 0 || first.checked_add(u64::from(self.count)).is_none() {
            return Err(format!("says that it has {} envelopes", self.count));
        }
        Ok(())
    }

    /// Checks that the bytes before the end mark are the ones that were written.
    pub fn check_body(&self, body: &[u8]) -> Result<(), String> {
        if crc32fast::hash(body) == self.body_checksum {
            return Ok(());
        }
        Err("has bytes that do not match the checksum of its end mark".to_owned())
    }
}

fn explain_missing_mark(tail: &[u8]) -> &'static str {
    if tail.iter().all(|&byte| byte == 0) {
        "has zeros at its end instead of its end mark"
    } else {
        "has no end mark: it is cut, torn, or not written by this program"
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4]
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at + 4)) << 32 | u64::from(u32_at(bytes, at))
}

/// The lines of a segment in one buffer that every reader shares.
#[derive(Debug, PartialEq, Eq)]
pub struct Lines {
    data: Bytes,
    ends: Vec<u32>,
}

impl Lines {
    /// Joins lines that contain no line ends.
    pub fn join(lines: &[Bytes]) -> Self {
        let length = lines.iter().map(|line| line.len() + 1).sum();
        let mut data = Vec::with_capacity(length);
        let mut ends = Vec::with_capacity(lines.len());
        for line in lines {
            data.extend_from_slice(line);
            ends.push(offset(data.len()));
            data.push(b'\n');
        }
        Self {
            data: data.into(),
            ends,
        }
    }

    /// Joins the lines of several segments.
    pub fn concat(parts: &[impl AsRef<Self>]) -> Self {
        let length = parts.iter().map(|part| part.as_ref().data.len()).sum();
        let mut data = Vec::with_capacity(length);
        let mut ends = Vec::new();
        for part in parts {
            let start = offset(data.len());
            data.extend_from_slice(&part.as_ref().data);
            ends.extend(part.as_ref().ends.iter().map(|end| start + end));
        }
        Self {
            data: data.into(),
            ends,
        }
    }

    fn split(data: Vec<u8>) -> Result<Self, String> {
        if data.last() != Some(&b'\n') {
            return Err("does not end with a line end".to_owned());
        }
        let ends: Vec<u32> = data
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| offset(at))
            .collect();
        Ok(Self {
            data: data.into(),
            ends,
        })
    }

    /// The number of lines.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The size of the lines in bytes, with their line ends.
    pub fn length(&self) -> usize {
        self.data.len()
    }

    /// Returns the memory that the lines and their index use.
    pub fn footprint(&self) -> usize {
        self.data.len() + self.ends.len() * 4 + 128
    }

    /// Returns a line, without its line end.
    pub fn line(&self, index: usize) -> Bytes {
        self.data.slice(self.place(index))
    }

    /// Returns whether `other` is contained in these lines, byte for byte, from line `index` on.
    pub fn contains_at(&self, index: usize, other: &Self) -> bool {
        index + other.count() <= self.count()
            && (0..other.count())
                .all(|line| self.data[self.place(index + line)] == other.data[other.place(line)])
    }

    fn place(&self, index: usize) -> Range<usize> {
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize + 1);
        start..self.ends[index] as usize
    }
}

/// Segments stay far below 4 GiB: the api bounds a batch, the log bounds a merge.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Encodes lines to segments; keeps its memory between segments.
pub struct Encoder(zstd::bulk::Compressor<'static>);

impl Encoder {
    /// Creates an encoder at a zstd level.
    pub fn new(level: i32) -> std::io::Result<Self> {
        let mut compressor = zstd::bulk::Compressor::new(level)?;
        compressor.include_checksum(true)?;
        Ok(Self(compressor))
    }

    /// Encodes a whole file.
    pub fn encode(&mut self, stream: &str, first: u64, lines: &Lines) -> std::io::Result<Vec<u8>> {
        if lines.length() >= u32::MAX as usize {
            return Err(std::io::Error::other("a batch of 4 GiB or more"));
        }
        let mut file = Vec::with_capacity(
            zstd::zstd_safe::compress_bound(lines.length()).saturating_add(MARK_LENGTH),
        );
        self.0.compress_to_buffer(&lines.data, &mut file)?;
        let mark = EndMark {
            stream: stream.to_owned(),
            first,
            count: offset(lines.count()),
            raw_length: lines.length() as u64,
            body_length: file.len() as u64,
            body_checksum: crc32fast::hash(&file),
        };
        file.extend_from_slice(&mark.write());
        Ok(file)
    }
}

/// Decodes a whole segment file and checks it against its end mark.
pub fn decode(stream: &str, first: u64, file: &[u8]) -> Result<Lines, String> {
    let mark = EndMark::read(file, file.len() as u64)?;
    mark.check_place(stream, first)?;
    let body = &file[..file.len() - MARK_LENGTH];
    mark.check_body(body)?;
    let length = usize::try_from(mark.raw_length)
        .ok()
        .filter(|&length| length < u32::MAX as usize)
        .ok_or_else(|| format!("says that it has {} bytes of lines", mark.raw_length))?;
    let data = zstd::bulk::decompress(body, length)
        .map_err(|error| format!("cannot be decompressed: {error}"))?;
    if data.len() != length {
        return Err(format!("has {} bytes of lines, not {length}", data.len()));
    }
    let lines = Lines::split(data)?;
    if lines.count() != mark.count as usize {
        return Err(format!(
            "has {} lines, but its end mark says {}",
            lines.count(),
            mark.count
        ));
    }
    Ok(lines)
}
