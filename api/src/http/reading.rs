//! The parameters of every read: `as_of`, `at_least`, `timeout`.

use std::time::Duration;

use spice_core::{
    id::LogPosition,
    name::{BranchName, DatabaseName},
};

use crate::{
    http::{call::Call, failure::Failure, parameters::known, render::Frame},
    read::{
        reading::{Reading, Standing, When},
        wait::{Needs, Patience},
    },
};

impl Call {
    /// The reading of this request, once the needed sinks are new enough.
    pub(crate) async fn reading(&self, needs: Needs) -> Result<Reading, Failure> {
        self.reading_pinned(needs, None).await
    }

    /// [`Call::reading`] at the position of a cursor instead of `as_of`.
    pub(crate) async fn reading_pinned(
        &self,
        needs: Needs,
        pinned: Option<LogPosition>,
    ) -> Result<Reading, Failure> {
        let target = (&self.database()?, self.branch()?);
        let when = self.when()?;
        Ok(self.api.reads.reading(target, when, pinned, needs).await?)
    }

    /// [`Call::reading`] on `main`.
    pub(crate) async fn reading_main(&self, needs: Needs) -> Result<Reading, Failure> {
        let target = (&self.database()?, BranchName::main());
        let when = self.when()?;
        Ok(self.api.reads.reading(target, when, None, needs).await?)
    }

    /// What the answer to this request shows.
    pub(crate) fn frame<'a>(&'a self, reading: &'a Reading) -> Frame<'a> {
        Frame {
            database: &reading.snapshot.stream.database,
            branch: &reading.branch,
            language: self.language(),
        }
    }

    /// The database of a read that needs no sink, once it is new enough.
    pub(crate) async fn standing(&self, database: &DatabaseName) -> Result<Standing, Failure> {
        let (reads, when) = (&self.api.reads, self.when()?);
        Ok(reads.standing(database, when, Needs::NOTHING).await?)
    }

    fn when(&self) -> Result<When, Failure> {
        let (as_of, at_least) = (self.get(&known::AS_OF)?, self.get(&known::AT_LEAST)?);
        let limit = self.get(&known::TIMEOUT)?;
        Ok(When {
            as_of,
            at_least,
            patience: Patience::new(Duration::from_secs(limit as u64)),
        })
    }
}
