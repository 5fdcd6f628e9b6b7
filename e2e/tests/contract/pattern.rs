//! A pattern for an answer: a JSON value that may have more than the pattern.
//!
//! An object requires its members and allows others; a list requires the same number of items, in
//! order. Strings that start with `$` are placeholders: `$any` (any value), `$absent`, `$uuid`,
//! `$time`, `$number`, `$text`, `$set:<name>` (stored under that name) and `$<name>` (the stored
//! value). `$[…]` instead of a list requires its items in any order, and allows others.

use std::collections::HashMap;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// Values of earlier answers.
pub(crate) type Kept = HashMap<String, Value>;

/// Whether an answer matches the pattern; stores values.
pub(crate) fn check(pattern: &Value, actual: &Value, kept: &mut Kept) -> anyhow::Result<()> {
    match (pattern, actual) {
        (Value::String(text), _) if text.starts_with('$') => check_word(&text[1..], actual, kept),
        (Value::Object(members), _) if members.contains_key("$among") => {
            match_any(&members["$among"], actual, kept)
        }
        (Value::Object(members), Value::Object(there)) => {
            for (name, pattern) in members {
                match there.get(name) {
                    None if pattern == "$absent" => {}
                    None => bail!("{name} is not there"),
                    Some(_) if pattern == "$absent" => bail!("{name} is there"),
                    Some(actual) => check(pattern, actual, kept).context(name.clone())?,
                }
            }
            Ok(())
        }
        (Value::Array(patterns), Value::Array(items)) => {
            let (wanted, found) = (patterns.len(), items.len());
            ensure!(wanted == found, "{found} items, not {wanted}");
            for (index, (pattern, item)) in patterns.iter().zip(items).enumerate() {
                check(pattern, item, kept).with_context(|| format!("[{index}]"))?;
            }
            Ok(())
        }
        _ if is_equal(pattern, actual) => Ok(()),
        _ => bail!("{actual}, not {pattern}"),
    }
}

/// Numbers are equal by value.
fn is_equal(pattern: &Value, actual: &Value) -> bool {
    pattern == actual || pattern.as_f64().is_some() && pattern.as_f64() == actual.as_f64()
}

/// Each pattern matches some item.
fn match_any(patterns: &Value, actual: &Value, kept: &mut Kept) -> anyhow::Result<()> {
    let items = actual.as_array().context("no list")?;
    for pattern in patterns.as_array().context("$among is a list")? {
        let found = items.iter().find_map(|item| {
            let mut tried = kept.clone();
            check(pattern, item, &mut tried).ok().map(|()| tried)
        });
        *kept = found.with_context(|| format!("no item is {pattern}"))?;
    }
    Ok(())
}

fn check_word(word: &str, actual: &Value, kept: &mut Kept) -> anyhow::Result<()> {
    let text = actual.as_str();
    let holds = match word {
        "any" => true,
        "uuid" => text.is_some_and(|text| text.parse::<uuid::Uuid>().is_ok()),
        "time" => text.is_some_and(|text| {
            text.parse::<spice_core::time::Timestamp>().is_ok() && text.ends_with('Z')
        }),
        "number" => actual.is_number(),
        "text" => text.is_some_and(|text| !text.is_empty()),
        _ => {
            if let Some(name) = word.strip_prefix("set:") {
                kept.insert(name.to_owned(), actual.clone());
                return Ok(());
            }
            let known = kept.get(word);
            let known = known.with_context(|| format!("nothing is kept as {word}"))?;
            is_equal(known, actual)
        }
    };
    ensure!(holds, "{actual} is not ${word}");
    Ok(())
}
