//! The envelopes, from the golden files that the code must read and write byte for byte.

use std::fmt::Write as _;

use anyhow::Context;
use serde_json::Value;
use spice_core::envelope::EventType;

use crate::head;

/// Every type with an example.
pub(crate) fn page() -> anyhow::Result<String> {
    let mut page = head(
        "Envelope",
        "An envelope is one JSON object: one line in the log, and the same bytes on the bus. Each \
         type has an example, which the tests read and write byte for byte. An optional field \
         without a value is left out.",
    );
    let folder = spice_e2e::workspace().join("core/tests/words/golden");
    for event_type in EventType::ALL {
        let file = folder.join(format!("{}.json", event_type.as_str().to_lowercase()));
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        let example: Value = serde_json::from_str(&text)?;
        let kind = example["metadata"]["kind"].as_str().context("kind")?;
        writeln!(page, "## {event_type}\n\nA {kind} envelope.\n")?;
        write_example(&mut page, &example)?;
    }
    let chained = spice_e2e::workspace().join("core/tests/words/chain/chained.json");
    let example: Value = serde_json::from_str(&std::fs::read_to_string(chained)?)?;
    page.push_str(
        "## The first envelope of an append\n\nIts last field is `chain`, for every type: \
         the SHA-256 of everything before it ([the log](../concepts/log.md#the-chain)).\n\n",
    );
    write_example(&mut page, &example)?;
    Ok(page)
}

fn write_example(page: &mut String, example: &Value) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(example)?;
    Ok(writeln!(page, "```json\n{text}\n```\n")?)
}
