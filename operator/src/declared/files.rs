//! Reads the files of paths, and reports which files of a folder are skipped.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::declaration::{Flaw, Source};

/// The maximum number of skipped names in a message.
const NAMED: usize = 5;

/// A text, with a name for messages.
pub(super) struct Text {
    pub(super) name: String,
    pub(super) text: String,
}

/// Reads the texts of a source.
pub(super) fn texts(
    source: &Source,
    skipped: &mut Vec<String>,
    flaws: &mut Vec<Flaw>,
) -> Vec<Text> {
    let mut texts = Vec::new();
    let mut take = |name: String, bytes: io::Result<Vec<u8>>| {
        let read = bytes
            .map_err(|error| (name.clone(), format!("cannot be read: {error}")))
            .and_then(|bytes| decode(bytes).map_err(|(line, problem)| (at(&name, line), problem)));
        match read {
            Ok(text) => texts.push(Text { name, text }),
            Err((place, problem)) => flaws.push(Flaw { place, problem }),
        }
    };
    match source {
        Source::Text { name, bytes } => take(name.clone(), Ok(bytes.clone())),
        Source::Path(path) if path.is_dir() => match list(path) {
            Ok((files, left_out)) => {
                skipped.extend(left_out);
                for file in files {
                    take(file.display().to_string(), fs::read(&file));
                }
            }
            Err(error) => take(path.display().to_string(), Err(error)),
        },
        Source::Path(path) => take(path.display().to_string(), fs::read(path)),
    }
    texts
}

fn at(name: &str, line: Option<usize>) -> String {
    line.map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"))
}

/// The files of a folder to read, and a message about the others.
fn list(folder: &Path) -> io::Result<(Vec<PathBuf>, Option<String>)> {
    let mut files = Vec::new();
    let mut others = Vec::new();
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().display().to_string();
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if path.is_dir() {
            folders.push(name);
        } else if is_yaml {
            files.push(path);
        } else {
            others.push(name);
        }
    }
    files.sort();
    let parts: Vec<String> = [
        (
            "file that is not .yaml or .yml",
            "files that are not .yaml or .yml",
            others,
        ),
        ("folder", "folders", folders),
    ]
    .into_iter()
    .filter(|(_, _, names)| !names.is_empty())
    .map(|(one, many, names)| {
        let what = if names.len() == 1 { one } else { many };
        format!("{} {what} ({})", names.len(), join_names(names))
    })
    .collect();
    let left_out = (!parts.is_empty())
        .then(|| format!("{}: left out {}", folder.display(), parts.join(" and ")));
    Ok((files, left_out))
}

fn join_names(mut names: Vec<String>) -> String {
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let mut text = names.join(", ");
    if more > 0 {
        text.push_str(", …");
    }
    text
}

/// The text of a file, or the line and the problem.
fn decode(bytes: Vec<u8>) -> Result<String, (Option<usize>, String)> {
    let is_wide = bytes.starts_with(&[0xff, 0xfe])
        || bytes.starts_with(&[0xfe, 0xff])
        || bytes.iter().take(4).any(|byte| *byte == 0);
    if is_wide {
        let problem = "is not UTF-8 but UTF-16, UTF-32 or not a text; save it as UTF-8";
        return Err((None, problem.to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(valid);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        (
            Some(line),
            "is not UTF-8; save the file as UTF-8".to_owned(),
        )
    })
}
