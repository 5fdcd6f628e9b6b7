//! The position of an export: only a complete page moves it, and it alone determines what comes
//! next.

use serde::{Deserialize, Serialize};
use spice_client::{InstancePage, Select};

/// The classes of an export, and what is still to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// The ids of the classes, in the order of the export.
    classes: Vec<String>,
    /// The index of the class whose page is next, from 0.
    class: usize,
    /// Where that page starts; for pages after the first, one of both is set.
    cursor: Option<String>,
    offset: Option<usize>,
}

impl Walk {
    /// The position before the first page of the first class.
    pub(super) fn new(classes: Vec<String>) -> Self {
        Self {
            classes,
            ..Self::default()
        }
    }

    /// The class of the next page, and `select` for that page; none if everything is written.
    pub(super) fn next(&self, select: &Select) -> Option<(&str, Select)> {
        let class = self.classes.get(self.class)?;
        let page = Select {
            cursor: self.cursor.clone(),
            offset: self.offset,
            ..select.clone()
        };
        Some((class, page))
    }

    /// Moves past a page: to the next page of its class, or to the next class.
    pub(super) fn pass<T>(&mut self, asked: &Select, page: &InstancePage<T>) {
        if let Some(next) = asked.next_page(page) {
            self.cursor = next.cursor;
            self.offset = next.offset;
        } else {
            self.class += 1;
            self.cursor = None;
            self.offset = None;
        }
    }
}
