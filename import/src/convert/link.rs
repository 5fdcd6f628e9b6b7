//! References to instances in cells.

use std::{collections::BTreeMap, sync::Arc};

use spice_core::{id::InstanceRef, name::ClassName, ontology::Schema, unicode::nfc};

use super::broken::Broken;
use crate::text::write_string;

/// How the cells of a relationship name instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    target: ClassName,
    /// The classes by their ids, and by labels of only one class.
    classes: Arc<BTreeMap<String, ClassName>>,
}

impl Link {
    pub(super) fn new(schema: &Schema, target: &ClassName) -> Self {
        let labels = schema.iter().flat_map(|class| {
            let labels = class.labels().all();
            labels.map(|label| (nfc(label).into_owned(), class.id.clone()))
        });
        let mut by_label: BTreeMap<String, Option<ClassName>> = BTreeMap::new();
        for (label, class) in labels {
            let known = by_label.entry(label).or_insert_with(|| Some(class.clone()));
            *known = known.take().filter(|known| *known == class);
        }
        let labels = by_label
            .into_iter()
            .filter_map(|(label, class)| Some((label, class?)));
        // An id takes precedence over the same text as a label of another class.
        let ids = schema
            .iter()
            .map(|class| (class.id.to_string(), class.id.clone()));
        Self {
            target: target.clone(),
            classes: Arc::new(labels.chain(ids).collect()),
        }
    }

    /// An id may contain a `/`: the part before the first one is a class only if there is a class
    /// with that id or label.
    pub(super) fn write(&self, word: &str, out: &mut Vec<u8>) -> Result<(), Broken> {
        let named = word.split_once('/').and_then(|(name, id)| {
            let class = self.classes.get(&*nfc(name))?;
            Some((class, id))
        });
        let (class, id) = named.unwrap_or((&self.target, word));
        let reference = format!("{class}/{id}");
        if reference.parse::<InstanceRef>().is_err() {
            let expected = format!("must be a reference {}/id, or only the id", self.target);
            return Err(Broken::new("reference", expected));
        }
        write_string(&reference, out);
        Ok(())
    }
}
