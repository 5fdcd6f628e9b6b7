//! The parameters of every read: `as_of`, `at_least`, `timeout`.

use std::time::Duration;

use spice_core::{
    id::LogPosition,
    name::{BranchName, DatabaseName},
};

use crate::{
    http::{call::Call, failure::Failure, parameters::known},
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
        let (database, branch) = (self.database()?, self.branch()?);
        let (reads, when) = (&self.api.reads, self.when()?);
        let reading = reads.reading((&database, branch), when, pinned, needs);
        Ok(reading.await?)
    }

    /// [`Call::reading`] on a branch that is not in the query.
    pub(crate) async fn reading_on(
        &self,
        database: DatabaseName,
        branch: BranchName,
        needs: Needs,
    ) -> Result<Reading, Failure> {
        let (reads, when) = (&self.api.reads, self.when()?);
        Ok(reads
            .reading((&database, branch), when, None, needs)
            .await?)
    }

    /// The database, once the needed sinks are new enough.
    pub(crate) async fn standing(
        &self,
        database: &DatabaseName,
        needs: Needs,
    ) -> Result<Standing, Failure> {
        let when = self.when()?;
        Ok(self.api.reads.standing(database, when, needs).await?)
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
