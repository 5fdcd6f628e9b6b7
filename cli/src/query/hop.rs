//! Parses hops from the command line.

use spice_client::{Direction, Hop};

use crate::failure::usage;

pub(super) fn parse_all(texts: &[String]) -> anyhow::Result<Vec<Hop>> {
    texts.iter().map(|text| parse(text)).collect()
}

fn parse(text: &str) -> anyhow::Result<Hop> {
    let (direction, rest) = match text.strip_prefix('^') {
        Some(rest) => (Direction::In, rest),
        None => (Direction::Out, text),
    };
    match rest.split_once(':') {
        Some((predicate, class)) if !predicate.is_empty() && !class.is_empty() => Ok(Hop {
            predicate: predicate.to_owned(),
            target_class: class.to_owned(),
            direction,
            target_filters: None,
        }),
        _ => Err(usage(format!(
            "{text:?} is not a hop; write PREDICATE:CLASS, or ^PREDICATE:CLASS against the reference"
        ))),
    }
}

#[cfg(test)]
mod tests {
    //! Tests for parsing hops.
    use super::*;

    #[test]
    fn hops_follow_references_in_both_directions() {
        let hop = parse("^in_state:ns:Airport").unwrap();
        assert_eq!(hop.direction, Direction::In);
        assert_eq!(
            (hop.predicate.as_str(), hop.target_class.as_str()),
            ("in_state", "ns:Airport")
        );
        assert_eq!(parse("owned_by:Client").unwrap().direction, Direction::Out);
        for wrong in ["owned_by", ":Client", "owned_by:", "^"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
