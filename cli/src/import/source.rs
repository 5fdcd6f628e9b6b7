//! The file, or standard input: what it is, its head, and the rows from a place on.

use std::{
    fs::File,
    io::{self, BufRead, Cursor, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use anyhow::Context;
use encoding_rs::{Encoding, UTF_8};
use spice_core::{
    error::{ErrorCode, Refusal},
    unicode::nfc,
};

use super::{
    decoder::Decoder,
    encoding::{self, check, choose},
    journal::fingerprint,
    layout::{Knows, Layout, first_rows},
    options::{Options, Shape},
    reader::{Place, Reader, Record},
    signature::recognize,
};

/// Bytes by which a file is known.
const SAMPLE: u64 = 64 * 1024;

type Input = Box<dyn Read + Send>;

/// An input that is open.
pub(super) struct Source {
    pub(super) head: Record,
    /// Stands behind the head.
    pub(super) reader: Reader<Input>,
    pub(super) layout: Layout,
    pub(super) encoding: &'static Encoding,
    /// Some rows behind the head.
    pub(super) first_rows: Vec<Record>,
    /// What tells the file from another; none for standard input.
    pub(super) fingerprint: Option<String>,
    /// Bytes in all, if that is known.
    pub(super) bytes: Option<u64>,
}

/// An input whose encoding is known.
pub(super) struct Text {
    /// All of it, as UTF-8.
    pub(super) input: Input,
    encoding: &'static Encoding,
    /// Its first bytes, as they are.
    sample: Vec<u8>,
    fingerprint: Option<String>,
    bytes: Option<u64>,
}

impl Text {
    /// Opens the input and finds out its encoding; refuses what is no text.
    pub(super) fn open(options: &Options) -> anyhow::Result<Self> {
        let mut file = if options.is_stream() {
            None
        } else {
            Some(open(&options.file)?)
        };
        let mut sample = Vec::new();
        match (&mut file, options.format()) {
            (Some(file), _) => file.take(SAMPLE).read_to_end(&mut sample)?,
            (None, Shape::Csv) => io::stdin().take(SAMPLE).read_to_end(&mut sample)?,
            // The first line is imported before others are written.
            (None, Shape::Ndjson) => {
                let mut stdin = io::stdin().lock().take(SAMPLE);
                stdin.read_until(b'\n', &mut sample)?
            }
        };
        let encoding = know(options, &sample, file.as_mut())?;
        let (input, fingerprint, bytes): (Input, _, _) = match file {
            None => {
                let sample = Cursor::new(sample.clone());
                (Box::new(sample.chain(io::stdin())), None, None)
            }
            Some(mut file) => {
                file.rewind()?;
                let fingerprint = fingerprint(&mut file)?;
                file.rewind()?;
                let bytes = file.metadata()?.len();
                // The places of a decoded file are not those of its bytes.
                let bytes = Some(bytes).filter(|_| encoding == UTF_8);
                (Box::new(file), Some(fingerprint), bytes)
            }
        };
        Ok(Self {
            input: decoded(input, encoding),
            encoding,
            sample,
            fingerprint,
            bytes,
        })
    }
}

impl Source {
    /// Opens it, finds out what it is and reads the head.
    pub(super) fn open(options: &Options, knows: Knows<'_>) -> anyhow::Result<Self> {
        let text = Text::open(options)?;
        let sample = encoding::decode(text.encoding, &text.sample);
        let layout = Layout::find(options, &sample, knows);
        let first_rows = first_rows(&sample, &layout);
        let mut reader = Reader::new(text.input, layout.dialect, Place::START);
        let head = read_head(&mut reader, &layout, &options.file)?;
        Ok(Self {
            head,
            reader,
            layout,
            encoding: text.encoding,
            first_rows,
            fingerprint: text.fingerprint,
            bytes: text.bytes,
        })
    }

    /// Goes to a place that was behind a row.
    pub(super) fn go_to(&mut self, options: &Options, place: Place) -> anyhow::Result<()> {
        let mut file = open(&options.file)?;
        let input: Input = if self.encoding == UTF_8 {
            file.seek(SeekFrom::Start(place.offset))?;
            Box::new(file)
        } else {
            let mut input = decoded(Box::new(file), self.encoding);
            io::copy(&mut input.by_ref().take(place.offset), &mut io::sink())?;
            input
        };
        self.reader = Reader::new(input, self.layout.dialect, place);
        Ok(())
    }
}

fn decoded(input: Input, encoding: &'static Encoding) -> Input {
    if encoding == UTF_8 {
        return input;
    }
    Box::new(Decoder::new(input, encoding))
}

/// The encoding of a file; refuses what is no text, or text in an encoding that nobody named.
fn know(
    options: &Options,
    sample: &[u8],
    file: Option<&mut File>,
) -> anyhow::Result<&'static Encoding> {
    let asked = options.encoding;
    if sample.is_empty() && options.format() == Shape::Csv {
        return Err(refuse(
            options,
            "is empty; its first line names the columns",
        ));
    }
    if let Some(sentence) = recognize(sample, options.format().name()) {
        return Err(refuse(options, &sentence));
    }
    let encoding = choose(asked, sample).map_err(|sentence| refuse(options, &sentence))?;
    let file = match file {
        Some(file) => {
            file.rewind()?;
            Some(file as &mut dyn Read)
        }
        None => None,
    };
    check(encoding, asked.is_some(), sample, file)?
        .map_err(|sentence| refuse(options, &sentence))?;
    Ok(encoding)
}

fn read_head(reader: &mut Reader<Input>, layout: &Layout, path: &Path) -> anyhow::Result<Record> {
    let path = path.display();
    let missing = |message: String| Refusal::new(ErrorCode::InvalidRequest, message);
    let is_there = match layout.head_line {
        Some(line) => reader.skip_to_line(line)?,
        None => true,
    };
    let head = reader.read()?.filter(|_| is_there);
    match (head, layout.head_line) {
        (Some(head), Some(line)) if head.line != line => Err(missing(format!(
            "{path}: line {line} is blank and names no columns; the next that is not is line {next}: --head-line {next}",
            next = head.line
        ))
        .into()),
        (Some(head), _) => Ok(head),
        (None, Some(line)) => Err(missing(format!(
            "{path} has no line {line}, which was to name the columns"
        ))
        .into()),
        (None, None) => {
            Err(missing(format!("{path} is blank; its first line names the columns")).into())
        }
    }
}

fn refuse(options: &Options, sentence: &str) -> anyhow::Error {
    let message = format!("{} {sentence}", options.file.display());
    Refusal::new(ErrorCode::InvalidRequest, message).into()
}

fn open(path: &Path) -> anyhow::Result<File> {
    let failed = |reason: &dyn std::fmt::Display, code| {
        Refusal::new(code, format!("{} cannot be read: {reason}", path.display()))
    };
    let opened = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match same_name(path) {
            Some(path) => File::open(path),
            None => Err(error),
        },
        other => other,
    };
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed(&"there is no such file", ErrorCode::NotFound),
        _ => failed(&error, ErrorCode::InvalidRequest),
    })?;
    if file.metadata().context("no metadata")?.is_dir() {
        return Err(failed(&"it is a folder", ErrorCode::InvalidRequest).into());
    }
    Ok(file)
}

/// The file whose name is written with other code points and reads the same, as names from macOS
/// do; none when there are several.
fn same_name(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or_else(|| Path::new("."))).ok()?;
    let mut same = entries.filter_map(Result::ok).filter(|entry| {
        let other = entry.file_name();
        other.to_str().is_some_and(|other| nfc(other) == nfc(name))
    });
    let found = same.next()?;
    same.next().is_none().then(|| found.path())
}
