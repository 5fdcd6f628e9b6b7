//! The input: its encoding, its header, and its rows from a place on.

use std::{
    fs::{File, Metadata},
    io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use encoding_rs::{Encoding, UTF_8};
use spice_core::{
    error::{ErrorCode, Refusal},
    ontology::Class,
    unicode::nfc,
};

use crate::{
    decoder::Decoder,
    digest::hex,
    encoding::{self, Doubt, check, check_columns, choose},
    error::{Error, Result, refuse_input},
    head::{Names, Orders},
    layout::{Knows, Layout, read_first_rows},
    options::{Cells, Format, Input, Options},
    reader::{Place, Reader, Record},
    signature::{recognize, recognize_text},
};

/// The number of bytes that identify a file.
const SAMPLE: u64 = 64 * 1024;

type Bytes = Box<dyn Read + Send>;

/// An input that is open.
pub(crate) struct Source {
    pub(crate) head: Record,
    /// At the start of the rows, after the header.
    pub(crate) reader: Reader<Bytes>,
    pub(crate) layout: Layout,
    pub(crate) encoding: &'static Encoding,
    /// Some rows after the header.
    pub(crate) first_rows: Vec<Record>,
    /// What distinguishes the file from others; none for a stream.
    pub(crate) fingerprint: Option<String>,
    /// Bytes of the input, if they are known.
    pub(crate) length: Option<u64>,
    /// The file; none for a stream.
    path: Option<PathBuf>,
}

/// An input with a known encoding.
pub(crate) struct Text {
    /// All of it, as UTF-8.
    pub(crate) bytes: Bytes,
    encoding: &'static Encoding,
    /// Its first bytes, not decoded.
    sample: Vec<u8>,
    fingerprint: Option<String>,
    pub(crate) length: Option<u64>,
    /// Why it seems to be in another encoding.
    doubt: Option<Doubt>,
}

impl Text {
    /// Opens the input and determines its encoding. Refuses input that is not text, or that seems to
    /// be in another encoding.
    pub(crate) fn open(options: &Options, input: Input) -> Result<Self> {
        let name = input.name();
        let text = Self::examine(options, &name, input)?;
        match &text.doubt {
            Some(doubt) => Err(refuse(&name, doubt)),
            None => Ok(text),
        }
    }

    fn examine(options: &Options, name: &str, input: Input) -> Result<Self> {
        let mut sample = Vec::new();
        let (bytes, found, meta): (Bytes, _, _) = match input {
            Input::File(path) => {
                let mut file = open(&path)?;
                (&file).take(SAMPLE).read_to_end(&mut sample)?;
                file.rewind()?;
                let found = find_encoding(options, name, &sample, Some(&mut file))?;
                file.rewind()?;
                let meta = file.metadata()?;
                (Box::new(file), found, Some(meta))
            }
            Input::Stream { mut bytes, .. } => {
                let mut first = bytes.by_ref().take(SAMPLE);
                match options.format {
                    Format::Csv => first.read_to_end(&mut sample)?,
                    Format::Ndjson => read_to_object(&mut first, &mut sample)?,
                };
                let found = find_encoding(options, name, &sample, None)?;
                let whole = Cursor::new(sample.clone()).chain(bytes);
                (Box::new(whole), found, None)
            }
        };
        let (encoding, doubt) = found;
        let fingerprint = meta.as_ref().map(|meta| fingerprint(meta, &sample));
        Ok(Self {
            bytes: decode(bytes, encoding),
            encoding,
            fingerprint: fingerprint.transpose()?,
            sample,
            // The places of a decoded file are not those of its bytes.
            length: meta.map(|meta| meta.len()).filter(|_| encoding == UTF_8),
            doubt,
        })
    }

    /// Refuses an input whose first bytes show that it is not text in the expected format.
    pub(crate) fn check_signature(options: &Options, input: Input) -> Result<()> {
        let name = input.name();
        let bytes: Box<dyn BufRead + Send> = match input {
            Input::File(path) => Box::new(BufReader::new(open(&path)?)),
            Input::Stream { bytes, .. } => bytes,
        };
        Self::open(options, Input::Stream { name, bytes }).map(drop)
    }
}

impl Source {
    /// Opens the input, determines its layout and reads the header.
    pub(crate) fn open(options: &Options, input: Input, class: &Class) -> Result<Self> {
        let (name, path) = (input.name(), input.path().map(Path::to_owned));
        let mut text = Text::examine(options, &name, input)?;
        let sample = encoding::decode(text.encoding, &text.sample);
        let knows = |name: &str| options.mapping.knows(class, name);
        refuse_head_line(&options.cells, &sample, &name, class, &knows)?;
        let layout = Layout::find(&options.cells, &sample, &knows);
        if let Some(doubt) = text.doubt.take() {
            let file = path.as_deref().filter(|_| text.encoding == UTF_8);
            check_read_columns(options, class, &layout, &text, &sample, file, doubt)
                .map_err(|doubt| refuse(&name, &doubt))?;
        }
        let first_rows = read_first_rows(&sample, &layout);
        let mut reader = Reader::new(text.bytes, layout.dialect, Place::START);
        let head = read_head(&mut reader, &layout, &name)?;
        Ok(Self {
            head,
            reader,
            layout,
            encoding: text.encoding,
            first_rows,
            fingerprint: text.fingerprint,
            length: text.length,
            path,
        })
    }

    /// Goes to a place after a row of the file.
    pub(crate) fn seek(&mut self, place: Place) -> Result<()> {
        let Some(path) = &self.path else {
            return Err(refuse_input("cannot seek in a stream"));
        };
        let mut file = open(path)?;
        let input: Bytes = if self.encoding == UTF_8 {
            file.seek(SeekFrom::Start(place.offset))?;
            Box::new(file)
        } else {
            let mut input = decode(Box::new(file), self.encoding);
            io::copy(&mut input.by_ref().take(place.offset), &mut io::sink())?;
            input
        };
        self.reader = Reader::new(input, self.layout.dialect, place);
        Ok(())
    }
}

/// Reads lines up to the first that may be an object: it is imported before others are written. An
/// input without such a line is not NDJSON.
fn read_to_object(lines: &mut dyn BufRead, sample: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let start = sample.len();
        let length = lines.read_until(b'\n', sample)?;
        // In UTF-16, a character is between zero bytes.
        let is_blank = |byte: &u8| {
            byte.is_ascii_whitespace() || matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF)
        };
        if length == 0 || sample[start..].iter().find(|it| !is_blank(it)) == Some(&b'{') {
            return Ok(sample.len());
        }
    }
}

fn decode(input: Bytes, encoding: &'static Encoding) -> Bytes {
    if encoding == UTF_8 {
        return input;
    }
    Box::new(Decoder::new(input, encoding))
}

/// Checks the encoding again, without the columns that the mapping leaves out and the lines above the
/// header.
fn check_read_columns(
    options: &Options,
    class: &Class,
    layout: &Layout,
    text: &Text,
    sample: &[u8],
    file: Option<&Path>,
    doubt: Doubt,
) -> Result<(), Doubt> {
    let rows = || -> Result<Reader<Bytes>> {
        let all: Bytes = match file {
            Some(path) => Box::new(open(path)?),
            None => Box::new(Cursor::new(sample.to_vec())),
        };
        let mut rows = Reader::new(all, layout.dialect, Place::START);
        rows.skip_to_line(layout.head_line.unwrap_or(1))?;
        Ok(rows)
    };
    let read = || -> Result<_> {
        let head = rows()?.read()?.unwrap_or_default();
        let orders = Orders::read(&options.mapping, &Names::read(class, &head))?;
        Ok((head, orders, rows()?))
    };
    let Some((head, orders, mut rows)) = read().ok().filter(|_| doubt.is_by_bytes) else {
        return Err(doubt);
    };
    let counts = |index: usize| orders.of(index) != Some("");
    if head.line <= 1 && (0..head.len()).all(counts) {
        return Err(doubt);
    }
    check_columns(text.encoding, &text.sample, &mut rows, counts, doubt)
}

/// The refusal of an input in another encoding.
fn refuse(name: &str, doubt: &Doubt) -> Error {
    refuse_input(format!("{name} {}", doubt.sentence))
}

/// The encoding of the input, and why it may be another. Refuses input that is not text. `file` is
/// at its start.
fn find_encoding(
    options: &Options,
    name: &str,
    sample: &[u8],
    file: Option<&mut File>,
) -> Result<(&'static Encoding, Option<Doubt>)> {
    let refuse = |sentence: String| refuse_input(format!("{name} {sentence}"));
    if sample.is_empty() && options.format == Format::Csv {
        let sentence = "is empty; its first line must name the columns".to_owned();
        return Err(refuse(sentence));
    }
    if let Some(sentence) = recognize(sample, name) {
        return Err(refuse(sentence));
    }
    let encoding = choose(options.encoding, sample).map_err(refuse)?;
    let text = encoding::decode(encoding, sample);
    if let Some(sentence) = recognize_text(&text, options.format) {
        return Err(refuse(sentence));
    }
    let file = file.map(|file| file as &mut dyn Read);
    let checked = check(encoding, options.encoding.is_some(), sample, file)?;
    Ok((encoding, checked.err()))
}

/// What distinguishes a file from others, and from itself after a change.
fn fingerprint(meta: &Metadata, sample: &[u8]) -> io::Result<String> {
    let modified = meta.modified()?.duration_since(UNIX_EPOCH);
    let modified = modified.map_or(0, |it| it.as_nanos());
    Ok(format!("{} {modified} {}", meta.len(), hex(sample)))
}

/// Refuses `--head-line` for a rejects file. Its header is in the first line, wherever the header of the
/// imported file was.
fn refuse_head_line(
    cells: &Cells,
    sample: &[u8],
    name: &str,
    class: &Class,
    knows: Knows<'_>,
) -> Result<()> {
    let Some(asked) = cells.head_line else {
        return Ok(());
    };
    let cells = Cells {
        head_line: None,
        ..*cells
    };
    let layout = Layout::find(&cells, sample, knows);
    let head = Reader::new(sample, layout.dialect, Place::START).read();
    let is_rejects = |head: &Record| head.line != asked && Names::read(class, head).has_notes();
    let Some(head) = head.ok().flatten().filter(is_rejects) else {
        return Ok(());
    };
    let line = head.line;
    Err(refuse_input(format!(
        "{name} is a rejects file, which has its header in line {line}; leave --head-line out"
    )))
}

fn read_head(reader: &mut Reader<Bytes>, layout: &Layout, name: &str) -> Result<Record> {
    let is_there = match layout.head_line {
        Some(line) => reader.skip_to_line(line)?,
        None => true,
    };
    let head = reader.read()?.filter(|_| is_there);
    let why = match (head, layout.head_line) {
        (Some(head), Some(line)) if head.line != line => format!(
            "{name}: line {line} is blank and names no columns; the next line that is not blank is {next}: --head-line {next}",
            next = head.line
        ),
        (Some(head), _) => return Ok(head),
        (None, Some(line)) => format!("{name} has no line {line} for the column names"),
        (None, None) => format!("{name} is blank; its first line must name the columns"),
    };
    Err(refuse_input(why))
}

fn open(path: &Path) -> Result<File> {
    let failed = |reason: &dyn std::fmt::Display, code| {
        Refusal::new(code, format!("{} cannot be read: {reason}", path.display()))
    };
    let opened = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match find_same_name(path) {
            Some(path) => File::open(path),
            None => Err(error),
        },
        other => other,
    };
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed(&"the file does not exist", ErrorCode::NotFound),
        _ => failed(&error, ErrorCode::InvalidRequest),
    })?;
    if file.metadata()?.is_dir() {
        return Err(failed(&"it is a folder", ErrorCode::InvalidRequest).into());
    }
    Ok(file)
}

/// The file whose name differs only in Unicode form, as names from macOS do; none if there are
/// several.
fn find_same_name(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or_else(|| Path::new("."))).ok()?;
    let mut same = entries.filter_map(io::Result::ok).filter(|entry| {
        let other = entry.file_name();
        other.to_str().is_some_and(|other| nfc(other) == nfc(name))
    });
    let found = same.next()?;
    same.next().is_none().then(|| found.path())
}
