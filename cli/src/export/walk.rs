//! Where an export is: a state that only a whole page moves, and that says alone what comes next.

use serde::{Deserialize, Serialize};
use spice_client::{InstancePage, Select};

/// The classes of an export, and what of them is still to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// The ids of the classes, in the order in which they are written.
    classes: Vec<String>,
    /// The one whose next page comes, counted from 0.
    class: usize,
    /// Where that page starts: after the class's first one, one of both.
    cursor: Option<String>,
    offset: Option<usize>,
}

impl Walk {
    /// Before the first page of the first class.
    pub(super) fn new(classes: Vec<String>) -> Self {
        Self {
            classes,
            ..Self::default()
        }
    }

    /// The class whose page comes next, and that page of what `select` says; none: all is written.
    pub(super) fn next(&self, select: &Select) -> Option<(&str, Select)> {
        let class = self.classes.get(self.class)?;
        let page = Select {
            cursor: self.cursor.clone(),
            offset: self.offset,
            ..select.clone()
        };
        Some((class, page))
    }

    /// Moves behind a page: to the one that follows in its class, or to the next class.
    pub(super) fn pass<T>(&mut self, asked: &Select, page: &InstancePage<T>) {
        if let Some(next) = asked.following(page) {
            self.cursor = next.cursor;
            self.offset = next.offset;
        } else {
            self.class += 1;
            self.cursor = None;
            self.offset = None;
        }
    }
}
