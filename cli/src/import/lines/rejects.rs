//! The file of the lines that were not taken: as they were, with their number and the reason in them,
//! so that it can be mended and imported.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::Value;
use spice_client::RowError;
use spice_core::json::{Json, entries};

use super::batch::Source;
use crate::import::{
    options::Options,
    plan::{LINE, REASON},
    rejects::put_aside,
    text::show,
};

/// The rejects of an import. The file is there when there is one.
pub(super) struct Rejects {
    path: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl Rejects {
    /// A new file; one that is there is kept beside it, for someone may have mended it.
    pub(super) fn begin(options: &Options) -> anyhow::Result<Self> {
        let path = options.rejects();
        if path.is_file() {
            put_aside(&path).with_context(|| format!("{} cannot be renamed", path.display()))?;
        }
        Ok(Self { path, writer: None })
    }

    pub(super) fn add(&mut self, source: &Source, why: &str) -> anyhow::Result<()> {
        let line = with_reason(source, why)?;
        let context = || format!("{} cannot be written", self.path.display());
        let writer = match &mut self.writer {
            Some(writer) => writer,
            empty => {
                let file = File::create(&self.path).with_context(context)?;
                empty.insert(BufWriter::new(file))
            }
        };
        writeln!(writer, "{line}").with_context(context)
    }

    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        if let Some(writer) = &mut self.writer {
            writer.flush()?;
            writer.get_ref().sync_data()?;
        }
        Ok(())
    }

    /// The file, when there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.writer.is_some().then_some(self.path.as_path())
    }
}

/// The line with its number and the reason; what is no object is in it as text.
fn with_reason(source: &Source, why: &str) -> anyhow::Result<String> {
    let text = show(source.bytes.trim_ascii());
    let fields = Json::parse(&text).ok().and_then(|json| entries(&json));
    let as_text = || vec![("_text".to_owned(), Json::from(Value::from(&*text)))];
    let mut fields = fields.unwrap_or_else(as_text);
    fields.retain(|(name, _)| name != LINE && name != REASON);
    fields.push((LINE.to_owned(), Json::from(Value::from(source.number))));
    fields.push((REASON.to_owned(), Json::from(Value::from(why))));
    let mut line = String::from("{");
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            line.push(',');
        }
        line.push_str(&serde_json::to_string(name)?);
        line.push(':');
        line.push_str(value.as_str());
    }
    line.push('}');
    Ok(line)
}

/// Why the api refused a line.
pub(super) fn tell(error: &RowError) -> String {
    let fields = error.detail.get("errors").and_then(Value::as_array);
    let of_field = |field: &Value| {
        let text = |key: &str| field[key].as_str().unwrap_or_default();
        format!("{} ({})", text("message"), text("rule"))
    };
    let told: Vec<String> = fields.into_iter().flatten().map(of_field).collect();
    if told.is_empty() {
        return format!("{} ({})", error.message, error.error);
    }
    told.join("; ")
}
