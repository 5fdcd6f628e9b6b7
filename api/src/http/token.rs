//! Cursors: the end of a page, opaque to clients. Each is sealed with its list, so that a cursor of
//! another list or an older version, or a changed cursor, is refused. The seal protects against
//! mistakes and keeps no secret: a cursor shows nothing that its list does not.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use spice_core::{id::LogPosition, name::BranchName};

use crate::{
    http::{
        call::Call,
        failure::Failure,
        parameters::{known, position},
    },
    read::reading::Reading,
    writer::Snapshot,
};

/// The current format of a cursor.
const VERSION: u8 = 1;
/// The length of the digest in a cursor.
const LENGTH: usize = 9;

/// The identity of a list: everything that its pages have in common.
pub(crate) struct Scope(Sha256);

/// A valid cursor, before its list is checked.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    scope: Vec<u8>,
    /// The data of the list.
    pub(crate) place: String,
}

impl Scope {
    /// A kind of list.
    pub(crate) fn of(kind: &str) -> Self {
        Self(Sha256::new()).with(kind)
    }

    /// Adds a part to the identity of the list; the order counts.
    pub(crate) fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// Adds an optional part.
    pub(crate) fn with_option(self, part: Option<impl AsRef<[u8]>>) -> Self {
        match part {
            None => self.with("-"),
            Some(part) => self.with("+").with(part),
        }
    }

    /// A cursor of this list.
    pub(crate) fn seal(&self, place: &str) -> String {
        let scope = self.digest();
        let check = check(&scope, place.as_bytes());
        let bytes = [&[VERSION][..], &scope, &check, place.as_bytes()].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place in a cursor of this list.
    pub(crate) fn open(&self, cursor: Cursor<'_>) -> Result<String, Failure> {
        if cursor.scope == self.digest() {
            return Ok(cursor.place);
        }
        Err(refuse(cursor.text))
    }

    fn digest(&self) -> Vec<u8> {
        self.0.clone().finalize()[..LENGTH].to_vec()
    }
}

impl<'a> Cursor<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (scope, rest) = rest.split_at_checked(LENGTH)?;
        let (given, place) = rest.split_at_checked(LENGTH)?;
        let is_whole = *version == VERSION && given == check(scope, place);
        Some(Self {
            text,
            scope: scope.to_vec(),
            place: String::from_utf8(place.to_vec()).ok()?,
        })
        .filter(|_| is_whole)
    }
}

impl Call {
    /// `?cursor=`, validated.
    pub(crate) fn cursor(&self) -> Result<Option<Cursor<'_>>, Failure> {
        let text = self.written(&known::CURSOR);
        text.map(|text| Cursor::parse(text).ok_or_else(|| refuse(text)))
            .transpose()
    }

    /// The place of `?cursor=` in a list by position.
    pub(crate) fn place_in(&self, scope: &Scope) -> Result<Option<LogPosition>, Failure> {
        let Some(cursor) = self.cursor()? else {
            return Ok(None);
        };
        let text = cursor.text;
        let place = position(&scope.open(cursor)?);
        place.map(Some).ok_or_else(|| refuse(text))
    }
}

impl Snapshot {
    /// A list on a branch. A later branch with the same name is another one.
    pub(crate) fn scope(&self, kind: &str, branch: &BranchName) -> Scope {
        let made = self.branches.get(branch);
        Scope::of(kind)
            .with(self.stream.to_string())
            .with(branch.as_str())
            .with_option(made.map(|branch| branch.created_at.to_string()))
    }
}

impl Reading {
    /// A list of what is on the branch.
    pub(crate) fn scope(&self, kind: &str) -> Scope {
        self.snapshot.scope(kind, &self.branch)
    }
}

/// The refusal of a cursor of another list.
pub(crate) fn refuse(text: &str) -> Failure {
    let message = format!(
        "the cursor {text:?} does not belong to this list (same database, branch, class, filter, \
         search and order); start again without a cursor"
    );
    Failure::token("cursor", "cursor", text, message)
}

fn check(scope: &[u8], place: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update([VERSION]);
    digest.update(scope);
    digest.update(place);
    digest.finalize()[..LENGTH].to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cursor, Scope};

    fn scope(parts: &[String]) -> Scope {
        parts.iter().fold(Scope::of("instances"), Scope::with)
    }

    proptest! {
        #[test]
        fn a_cursor_opens_in_its_own_list_only(
            parts in prop::collection::vec("[a-c]{0,2}", 0..4),
            others in prop::collection::vec("[a-c]{0,2}", 0..4),
            place in ".{0,20}",
        ) {
            let text = scope(&parts).seal(&place);
            let cursor = Cursor::parse(&text).unwrap();
            let opened = scope(&others).open(cursor).ok();
            prop_assert_eq!(opened, (parts == others).then_some(place));
        }

        #[test]
        fn a_changed_cursor_is_not_a_cursor(place in ".{0,20}", at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let text = scope(&[]).seal(&place);
            let at = at.index(text.len());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assert_eq!(Cursor::parse(&changed).is_some(), changed == text);
            prop_assert!(Cursor::parse(&text[..at]).is_none());
        }
    }

    #[test]
    fn nothing_else_is_a_cursor() {
        for text in ["", " ", "5", "abc", "eyJpIjoiYSJ9", "AA", "AQ==", "café"] {
            assert!(Cursor::parse(text).is_none(), "{text}");
        }
    }
}
