//! The instance of a row for the api.

use spice_core::name::{ClassName, InstanceId, InvalidName};

/// A row that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its class.
    pub class: ClassName,
    /// Its values by name, as a JSON object.
    pub data: Vec<u8>,
    /// What identifies it within the class: the id, or the primary key as JSON.
    pub key: String,
    /// The id, if the api does not derive it from the primary key.
    pub id: Option<InstanceId>,
}

impl Instance {
    /// Makes it the n-th of those with the same content.
    pub(crate) fn number(&mut self, nth: u64) -> Result<(), InvalidName> {
        if nth > 1 {
            self.key = format!("{}_{nth}", self.key);
            self.id = Some(self.key.parse()?);
        }
        Ok(())
    }
}
