//! Any JSON as a class, and any JSON as its instance: accepted or refused with a reason; the
//! definition is kept as written, and an accepted value is accepted again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spice_core::{command::RawData, id::CommandId, json::Json, ontology::Class};
use uuid::Uuid;

fuzz_target!(|text: &str| {
    let (definition, data) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(definition) = Json::parse(definition) else {
        return;
    };
    let Ok(class) = Class::create(&definition) else {
        return;
    };
    let stored = Class::parse_stored(class.id.clone(), &class.definition)
        .expect("what was accepted is read back");
    assert_eq!(stored.id, class.id);
    assert_eq!(stored.properties().len(), class.properties().len());
    assert_eq!(stored.relationships().len(), class.relationships().len());
    let Ok(data) = serde_json::from_str::<RawData>(data) else {
        return;
    };
    drop(class.patch(&definition));
    let command = CommandId(Uuid::nil());
    let Ok(candidate) = class.new_instance(None, &data, command, 0) else {
        return;
    };
    let kept: RawData = (candidate.properties.iter())
        .map(|(name, value)| (name.to_string(), value.clone()))
        .collect();
    let again = class
        .new_instance(Some(&candidate.id), &kept, command, 0)
        .expect("what was accepted is accepted again");
    assert_eq!(again.properties, candidate.properties);
    assert_eq!(again.unique, candidate.unique);
});
