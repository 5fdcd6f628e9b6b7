//! Starts an import: new, or where an earlier run stopped.

use crate::{
    error::Result,
    journal::{Journal, JournalFile},
    observer::{Event, Observer},
    options::Options,
    reader::Place,
    rejects::Rejects,
};

/// The state with which an import starts or resumes.
pub(crate) struct Start {
    pub(crate) file: JournalFile,
    pub(crate) journal: Journal,
    pub(crate) rejects: Rejects,
    /// Whether the state belongs to another import.
    is_other: bool,
}

impl Start {
    /// The state and the rejects of an earlier run of the same task, or new ones, which start with
    /// `head`.
    pub(crate) fn read(options: &Options, task: String, head: Vec<u8>) -> Result<Self> {
        let file = JournalFile::new(options.state.clone());
        let found = file.load()?;
        let is_other = found.as_ref().is_some_and(|it| it.task != task);
        if let Some(journal) = found.filter(|journal| journal.task == task)
            && let Some(rejects) = Rejects::resume(&options.rejects, head.clone(), journal.rejects)?
        {
            return Ok(Self {
                file,
                journal,
                rejects,
                is_other,
            });
        }
        Ok(Self {
            file,
            journal: Journal::new(task),
            rejects: Rejects::begin(&options.rejects, head)?,
            is_other,
        })
    }

    /// Whether no row was read before.
    pub(crate) fn is_new(&self) -> bool {
        self.journal.counts.rows == 0
    }

    /// Where the first batch starts.
    pub(crate) fn place(&self) -> Place {
        self.journal.place
    }

    /// Starts at a place.
    pub(crate) fn begin_at(&mut self, place: Place) {
        self.journal.place = place;
    }

    /// Reports the start. `bytes` is the size of the input.
    pub(crate) fn announce(&self, bytes: Option<u64>, observer: &mut dyn Observer) {
        let (rows, place) = (self.journal.counts.rows, self.journal.place);
        observer.observe(Event::Started {
            bytes,
            offset: place.offset,
            rows,
        });
        if rows > 0 {
            let line = place.line;
            observer.observe(Event::Resumed { line, rows });
        } else if self.is_other {
            observer.observe(Event::StartedOver);
        }
    }
}
