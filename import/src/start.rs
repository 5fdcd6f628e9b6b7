//! Starts an import: new, or where an earlier run stopped.

use crate::{
    error::Result,
    journal::{Journal, JournalFile},
    observer::{Event, Observer},
    options::Options,
    rejects::Rejects,
    task::Task,
};

/// The state with which an import starts or resumes.
pub(crate) struct Start {
    pub(crate) file: JournalFile,
    pub(crate) journal: Journal,
    pub(crate) rejects: Rejects,
    /// What differs from the import that wrote the state.
    changed: Vec<&'static str>,
}

impl Start {
    /// The state and the rejects of an earlier run of the same task, or new ones, which start with
    /// `head`.
    pub(crate) fn read(options: &Options, task: Task, head: Vec<u8>) -> Result<Self> {
        let file = JournalFile(options.state.clone());
        let found = file.load()?;
        let changed = found.as_ref().map(|it| it.task.list_changes(&task));
        let changed = changed.unwrap_or_default();
        if let Some(journal) = found.filter(|journal| journal.task == task)
            && let Some(rejects) = Rejects::resume(&options.rejects, head.clone(), journal.rejects)?
        {
            return Ok(Self {
                file,
                journal,
                rejects,
                changed,
            });
        }
        Ok(Self {
            file,
            journal: Journal::new(task),
            rejects: Rejects::begin(&options.rejects, head)?,
            changed,
        })
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
        } else if !self.changed.is_empty() {
            let changed = &self.changed;
            observer.observe(Event::StartedOver { changed });
        }
    }
}
