//! Parses decisions about conflicts from the command line.

use serde_json::value::RawValue;
use spice_client::{Conflict, Merged, Resolution, Take};
use spice_core::{name::PropertyName, unicode::nfc};

use crate::failure::usage;

/// Parses decisions. Calls `rehearse` to list the conflicts only if the end of the aggregate id is
/// ambiguous.
pub(crate) async fn resolve<F>(texts: &[String], rehearse: F) -> anyhow::Result<Vec<Resolution>>
where
    F: AsyncFnOnce() -> Result<Merged, spice_client::Error>,
{
    let decisions: Vec<Decision> = texts
        .iter()
        .map(|text| Decision::parse(text))
        .collect::<Result<_, _>>()?;
    let conflicts = if decisions.iter().any(Decision::is_open) {
        rehearse().await?.conflicts
    } else {
        Vec::new()
    };
    let settled = decisions.into_iter().map(|it| it.settle(&conflicts));
    settled.collect()
}

/// `AGGREGATE[.PROPERTY]=DECISION`. The id of an instance may contain dots and equals signs.
struct Decision<'a> {
    text: &'a str,
    conflict: &'a str,
    choice: Choice,
}

enum Choice {
    Take(Take),
    Value(Box<RawValue>),
}

impl<'a> Decision<'a> {
    fn parse(text: &'a str) -> anyhow::Result<Self> {
        // The value begins after the first equals sign that is followed by a whole JSON value. Later
        // equals signs are inside a string of that value, and what follows them is not valid JSON.
        let found = text.match_indices('=').find_map(|(at, _)| {
            let choice = match &text[at + 1..] {
                "ours" => Choice::Take(Take::Ours),
                "theirs" => Choice::Take(Take::Theirs),
                value => Choice::Value(serde_json::from_str(value).ok()?),
            };
            Some((&text[..at], choice))
        });
        let (conflict, choice) = found
            .filter(|(conflict, _)| !conflict.is_empty())
            .ok_or_else(|| explain_undecided(text))?;
        Ok(Self {
            text,
            conflict,
            choice,
        })
    }

    /// The aggregate and the property. For an instance, whose text has three colons, the property
    /// follows the last dot, if that is a valid property name. For a class it follows the first
    /// dot.
    fn split_property(&self) -> Option<(&'a str, &'a str)> {
        let split = if self.is_of_instance() {
            let is_name = |(_, name): &(_, &str)| name.parse::<PropertyName>().is_ok();
            self.conflict.rsplit_once('.').filter(is_name)
        } else {
            self.conflict.split_once('.')
        };
        split.filter(|(aggregate, property)| !aggregate.is_empty() && !property.is_empty())
    }

    fn is_of_instance(&self) -> bool {
        self.conflict.matches(':').count() == 3
    }

    /// Whether the text after the last dot may be a property or part of the id.
    fn is_open(&self) -> bool {
        let takes = matches!(self.choice, Choice::Take(_));
        takes && self.is_of_instance() && self.split_property().is_some()
    }

    fn settle(self, conflicts: &[Conflict]) -> anyhow::Result<Resolution> {
        let split = self.split_property();
        let is_in_conflict = |aggregate: &str, property: Option<&str>| {
            conflicts.iter().any(|known| {
                known.aggregate_id == nfc(aggregate)
                    && (property.is_none() || known.property.as_deref() == property)
            })
        };
        let is_whole = self.is_open() && is_in_conflict(self.conflict, None);
        if let Some((aggregate, property)) = split.filter(|_| is_whole)
            && is_in_conflict(aggregate, Some(property))
        {
            return Err(usage(format!(
                "{:?} is ambiguous: it may mean {property} of {aggregate}, or {}; resolve it with the api",
                self.text, self.conflict
            )));
        }
        let (aggregate, property) = match split.filter(|_| !is_whole) {
            Some((aggregate, property)) => (aggregate, Some(property.to_owned())),
            None => (self.conflict, None),
        };
        let aggregate_id = aggregate.to_owned();
        match self.choice {
            Choice::Take(take) => Ok(Resolution::Take {
                aggregate_id,
                property,
                take,
            }),
            Choice::Value(value) => Ok(Resolution::Value {
                aggregate_id,
                property: property.ok_or_else(|| explain_undecided(self.text))?,
                value,
            }),
        }
    }
}

fn explain_undecided(text: &str) -> anyhow::Error {
    usage(format!(
        "{text:?} is not a decision; write AGGREGATE[.PROPERTY]=ours|theirs or AGGREGATE.PROPERTY=JSON"
    ))
}

#[cfg(test)]
mod tests {
    //! Tests for parsing decisions.
    use serde_json::json;

    use super::*;

    #[test]
    fn decisions_are_sides_or_values() {
        let resolution = |text: &str| Decision::parse(text).and_then(|it| it.settle(&[]));
        let read = |text: &str| serde_json::to_value(resolution(text).unwrap()).unwrap();
        assert_eq!(
            read("d:main:Product:p1=ours"),
            json!({"aggregate_id": "d:main:Product:p1", "take": "ours"})
        );
        assert_eq!(
            read("d:main:Product:p1.name=theirs"),
            json!({"aggregate_id": "d:main:Product:p1", "property": "name", "take": "theirs"})
        );
        assert_eq!(
            read("d:main:Product:p1.name=\"ours\""),
            json!({"aggregate_id": "d:main:Product:p1", "property": "name", "value": "ours"})
        );
        let exact = resolution("d:main:Product:p1.total=12345678901234567890.120").unwrap();
        let sent = serde_json::to_string(&exact).unwrap();
        assert!(
            sent.ends_with(r#""value":12345678901234567890.120}"#),
            "{sent}"
        );
        for wrong in ["a.b", "a=1", "=ours", "a.=1", "a.b=nonsense"] {
            assert!(resolution(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_may_contain_dots_and_equals_signs() {
        let conflicts: Vec<Conflict> = serde_json::from_value(json!([
            {"aggregate_id": "d:main:P:kim@example.com"},
            {"aggregate_id": "d:main:P:kim@example", "property": "name"},
            {"aggregate_id": "d:main:P:a=ours", "property": "name"},
            {"aggregate_id": "d:main:P:x.y"},
            {"aggregate_id": "d:main:P:x", "property": "y"},
            {"aggregate_id": "d:main:P:이름.com"},
        ]))
        .unwrap();
        let settle = |text: &str| Decision::parse(text).unwrap().settle(&conflicts);
        let read = |text: &str| serde_json::to_value(settle(text).unwrap()).unwrap();
        let (whole, name) = ("d:main:P:kim@example.com", "name");
        for (text, aggregate, property) in [
            ("d:main:P:kim@example.com=theirs", whole, None),
            ("d:main:P:kim@example.com.name=theirs", whole, Some(name)),
            (
                "d:main:P:kim@example.name=theirs",
                "d:main:P:kim@example",
                Some(name),
            ),
            ("d:main:P:a=ours.name=theirs", "d:main:P:a=ours", Some(name)),
            ("d:main:P:a=ours=theirs", "d:main:P:a=ours", None),
            (
                "d:main:P.properties.price=theirs",
                "d:main:P",
                Some("properties.price"),
            ),
            (
                "d:main:P:\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}.com=theirs",
                "d:main:P:\u{110b}\u{1175}\u{1105}\u{1173}\u{11b7}.com",
                None,
            ),
        ] {
            let mut expected = json!({"aggregate_id": aggregate, "take": "theirs"});
            if let Some(property) = property {
                expected["property"] = property.into();
            }
            assert_eq!(read(text), expected, "{text}");
        }
        assert_eq!(
            read(r#"d:main:P:a@b.com.note="x=ours""#),
            json!({"aggregate_id": "d:main:P:a@b.com", "property": "note", "value": "x=ours"})
        );
        let both = settle("d:main:P:x.y=ours").unwrap_err().to_string();
        assert!(both.contains("d:main:P:x.y"), "{both}");
    }
}
