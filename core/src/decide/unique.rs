//! Unique values in the write model: who claimed them, and who still has them.

use super::{state::WriteState, stop::Stop, version::Version};
use crate::{
    json::Properties,
    model::{BranchState, ModelKey, UniqueState},
    name::{InstanceId, PropertyName},
    ontology::Class,
};

/// A unique value: the property and the digest of the value.
pub(super) type Held = (PropertyName, String);

/// The unique values of a state.
pub(super) fn held_values(class: &Class, properties: &Properties) -> Vec<Held> {
    let values = class.unique_values(properties);
    values
        .into_iter()
        .map(|(property, digest, _)| (property, digest))
        .collect()
}

/// The last instance that claimed a value, given by its key.
pub(super) fn owner(
    state: &WriteState,
    branch: &BranchState,
    key: &ModelKey,
) -> Result<Option<InstanceId>, Stop> {
    match state.entry(branch, key)? {
        Some(entry) => Ok(entry.value.read::<UniqueState>()?.owner),
        None => Ok(None),
    }
}

/// Whether an owner still has a value. While the class did not declare it unique, the owner may
/// have changed or lost it without releasing it.
pub(super) fn holds(
    state: &WriteState,
    branch: &BranchState,
    class: &Class,
    owner: &InstanceId,
    held: &Held,
) -> Result<bool, Stop> {
    let key = ModelKey::instance(&class.id, owner);
    let version = Version::newest(state, branch, &key)?;
    let Some(data) = version.and_then(|version| version.state.data) else {
        return Ok(false);
    };
    Ok(held_values(class, &data.read()?).contains(held))
}
