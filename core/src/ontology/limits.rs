//! The limits of one value (contract §4). They are checked on its text before parsing, so that
//! every store can read every accepted value.

use std::borrow::Cow;

use crate::{
    json::Json,
    value::{decimal::SIZE, types},
};

/// The maximum number of keys in an object.
pub(super) const KEYS: usize = 100;
/// The maximum number of items in a list.
pub(super) const ITEMS: usize = 1_000;
/// The maximum nesting of objects and lists.
const DEPTH: usize = 10;
/// The maximum number of characters in a string.
const CHARACTERS: usize = 5_000;
/// The maximum size of a value of type text or json, in bytes.
const LARGE: usize = 1024 * 1024;
/// The maximum number of characters in a number.
const DIGITS: usize = 1_000;
/// The maximum nesting in a definition; JSON parsers stop at 128.
const DEFINITION_DEPTH: usize = 120;

/// A broken limit: the name of the rule, and a text that continues after the field.
pub(crate) type Broken = (&'static str, String);

/// Checks a value; `large` for properties of type text and json.
pub(crate) fn check(value: &Json, large: bool) -> Result<(), Broken> {
    let text = value.as_str();
    let allowance = LARGE + 2;
    if text.len() > allowance && large {
        return Err(("limit", format!("is larger than {LARGE} bytes")));
    }
    let bounds = Bounds {
        depth: DEPTH,
        keys: KEYS,
        items: ITEMS,
        characters: if large { LARGE } else { CHARACTERS },
    };
    Scan::of(text, &bounds).run()
}

/// Checks a definition as a whole: any size, but only content that every parser can read.
pub(super) fn check_definition(definition: &Json) -> Result<(), Broken> {
    let bounds = Bounds {
        depth: DEFINITION_DEPTH,
        keys: usize::MAX,
        items: usize::MAX,
        characters: usize::MAX,
    };
    Scan::of(definition.as_str(), &bounds).run()
}

/// The limits.
struct Bounds {
    depth: usize,
    keys: usize,
    items: usize,
    characters: usize,
}

/// An object or a list that is still open.
struct Open<'a> {
    is_object: bool,
    count: usize,
    keys: Vec<Cow<'a, str>>,
    key_next: bool,
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    bounds: &'a Bounds,
    open: Vec<Open<'a>>,
}

impl<'a> Scan<'a> {
    fn of(text: &'a str, bounds: &'a Bounds) -> Self {
        Self {
            text,
            at: 0,
            bounds,
            open: Vec::new(),
        }
    }

    fn run(mut self) -> Result<(), Broken> {
        while let Some(byte) = self.text.as_bytes().get(self.at).copied() {
            match byte {
                b'{' | b'[' => self.enter(byte == b'{')?,
                b'}' | b']' => self.leave(),
                b',' => self.advance()?,
                b'"' => self.string()?,
                b'-' | b'0'..=b'9' => self.number()?,
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    fn enter(&mut self, is_object: bool) -> Result<(), Broken> {
        let depth = self.bounds.depth;
        if self.open.len() == depth {
            return Err(("limit", format!("is nested deeper than {depth}")));
        }
        self.open.push(Open {
            is_object,
            count: 1,
            keys: Vec::new(),
            key_next: is_object,
        });
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.open.pop();
        self.at += 1;
    }

    fn advance(&mut self) -> Result<(), Broken> {
        self.at += 1;
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        open.count += 1;
        open.key_next = open.is_object;
        let Bounds { keys, items, .. } = self.bounds;
        match open.is_object {
            true if open.count > *keys => Err(("limit", format!("has more than {keys} keys"))),
            false if open.count > *items => Err(("limit", format!("has more than {items} items"))),
            _ => Ok(()),
        }
    }

    fn string(&mut self) -> Result<(), Broken> {
        let Bounds {
            characters, keys, ..
        } = *self.bounds;
        let token = self.string_token();
        let Some(string) = decode(token) else {
            return Err(("encoding", "contains a string that is not Unicode".into()));
        };
        if string.len() > characters && string.chars().count() > characters {
            return Err(("limit", format!("has more than {characters} characters")));
        }
        let Some(open) = self.open.last_mut().filter(|open| open.key_next) else {
            return Ok(());
        };
        open.key_next = false;
        if keys == usize::MAX {
            // Each object of a definition checks its own keys.
            return Ok(());
        }
        if open.keys.contains(&string) {
            return Err(("duplicate", format!("has a duplicate key {string:?}")));
        }
        open.keys.push(string);
        Ok(())
    }

    /// The string that starts here, with its quotes; moves past it.
    fn string_token(&mut self) -> &'a str {
        let start = self.at;
        let mut escaped = false;
        let length = self.text.as_bytes()[start + 1..]
            .iter()
            .position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            })
            .map_or(self.text.len() - start, |length| length + 2);
        self.at = start + length;
        &self.text[start..self.at]
    }

    fn number(&mut self) -> Result<(), Broken> {
        let rest = &self.text[self.at..];
        let length = rest
            .bytes()
            .position(|byte| matches!(byte, b',' | b'}' | b']'))
            .unwrap_or(rest.len());
        self.at += length;
        if length > DIGITS {
            return Err((
                "limit",
                format!("contains a number of more than {DIGITS} characters"),
            ));
        }
        let number = &rest[..length];
        if !number.contains(['e', 'E']) || types::is_in_range(number) {
            return Ok(());
        }
        Err((
            "range",
            format!("contains a number whose magnitude is not between 1e-{SIZE} and 1e{SIZE}"),
        ))
    }
}

/// The string of a token; none if its escapes are not Unicode.
fn decode(token: &str) -> Option<Cow<'_, str>> {
    if token.contains('\\') {
        return serde_json::from_str(token).ok().map(Cow::Owned);
    }
    token.get(1..token.len() - 1).map(Cow::Borrowed)
}
