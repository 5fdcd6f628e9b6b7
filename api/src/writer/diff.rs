//! The differences between two states of a database, found by what was written since they parted,
//! so the cost depends on the number of changes and not on the size of the database.

mod page;

use spice_core::{
    decide::{self, Receipt},
    error::{ErrorCode, Refusal, StoreError},
    id::{AggregateId, BranchGeneration, LogPosition},
    json::Json,
    lineage::{Level, Lineage},
    merge::{self, Difference},
    model::{AggregateState, BranchState, ModelEntry, ModelKey},
    name::{BranchName, ClassName, DatabaseName},
    port::graph::Entity,
};

use self::page::Page;
pub use self::page::{Diff, Mark, Summary};
use super::{Writer, fetch::CHANGES_PAGE, look::Look, snapshot::no_branch};

/// The number of aggregates that are compared at a time.
const CHUNK: usize = 2_000;

/// A diff request.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The branch with the changes.
    pub branch: BranchName,
    /// What to compare with; by default its parent.
    pub against: Option<Against>,
    /// The position at which both are read (inclusive); by default the log's end.
    pub as_of: Option<LogPosition>,
    /// Only this class and its instances.
    pub class: Option<ClassName>,
    /// The end of the previous page.
    pub after: Option<Mark>,
    /// The maximum number of differences.
    pub limit: usize,
}

/// What a branch is compared with.
#[derive(Debug, Clone)]
pub enum Against {
    /// Its common base with another branch.
    Common(BranchName),
    /// The current state of another branch.
    Branch(BranchName),
    /// Its own state at a position.
    Position(LogPosition),
}

/// The two states, and the branch on which their differences are reported.
struct Pair<'a> {
    database: &'a DatabaseName,
    branch: &'a BranchName,
    before: Lineage,
    after: Lineage,
}

impl Writer {
    /// What differs.
    pub async fn diff(
        &self,
        database: &DatabaseName,
        comparison: &Comparison,
    ) -> Result<Diff, Refusal> {
        let look = self.look(database, comparison.as_of).await?;
        let branch = look.branch(&comparison.branch)?;
        let (from, before, base) = look.sides(branch, comparison).await?;
        let pair = Pair {
            database,
            branch: &branch.name,
            before,
            after: branch.lineage.at(look.last()),
        };
        if let Some(class) = &comparison.class {
            look.require_class(&pair, class).await?;
        }
        let page = Page {
            class: comparison.class.as_ref(),
            after: comparison.after.as_ref(),
            limit: comparison.limit,
        };
        look.compare(&pair, &page, from, base).await
    }

    /// The effect of an accepted merge, rebase or rollback on its branch: the first differences,
    /// and the counts. From log and registry, so that a retry gets the first answer.
    pub async fn diff_command(
        &self,
        receipt: &Receipt,
        branch: &BranchName,
        limit: usize,
    ) -> Result<Diff, Refusal> {
        let ports = &self.shared.ports;
        let look = Look::at(ports, &receipt.stream, receipt.last.next(), true).await?;
        let then = receipt.position.before();
        let after = &look.branch(branch)?.lineage;
        let before = look.branch_at(branch, then).await?;
        let before = before.ok_or_else(|| no_branch(branch))?.lineage;
        let is_same = before.own().map(generation) == after.own().map(generation);
        let ground = after.levels().get(1).map(generation);
        let before = match ground.filter(|_| !is_same) {
            // A rebase is reported on top of the branch's new parent.
            Some(ground) => after.down_from(ground).unwrap_or(before),
            None => before.at(then),
        };
        let pair = Pair {
            database: &receipt.stream.database,
            branch,
            before,
            after: after.at(look.last()),
        };
        let page = Page {
            class: None,
            after: None,
            limit,
        };
        look.compare(&pair, &page, branch.clone(), then).await
    }
}

impl Look {
    /// What a branch is compared with: its name, its lineage, and the last common position.
    async fn sides(
        &self,
        branch: &BranchState,
        comparison: &Comparison,
    ) -> Result<(BranchName, Lineage, LogPosition), Refusal> {
        let now = self.last();
        let (name, is_common) = match &comparison.against {
            Some(Against::Position(position)) => {
                let before = self.itself_at(branch, *position).await?;
                return Ok((branch.name.clone(), before, *position));
            }
            Some(Against::Branch(name)) => (name.clone(), false),
            Some(Against::Common(name)) => (name.clone(), true),
            None => {
                let from = branch.from.as_ref().ok_or_else(nothing_to_compare)?;
                let parent = self.state.live_branch(&from.name);
                let parent = parent.map_or_else(BranchName::main, |parent| parent.name.clone());
                (parent, true)
            }
        };
        let other = self.branch(&name)?;
        let base = decide::find_common(branch, other, now);
        let until = base.own().map_or(LogPosition::ZERO, |level| level.until);
        let before = if is_common {
            base
        } else {
            other.lineage.at(now)
        };
        Ok((name, before, until))
    }

    /// The lineage of a branch at a position: there may have been a rebase in between.
    async fn itself_at(
        &self,
        branch: &BranchState,
        position: LogPosition,
    ) -> Result<Lineage, Refusal> {
        let last = self.last();
        if position > last {
            let message = format!("position {position} is after the log's last position {last}");
            return Err(Refusal::new(ErrorCode::InvalidRequest, message)
                .with("field", "from_position")
                .with("value", position.0)
                .with("rule", format!("at most {last}")));
        }
        let known = self.branch_at(&branch.name, position).await?;
        let was_there = known.filter(|known| known.live && known.created_at == branch.created_at);
        let lineage = was_there.map_or_else(|| branch.lineage.clone(), |known| known.lineage);
        Ok(lineage.at(position))
    }

    /// Compares what was written since the two parted at `base`, part by part.
    async fn compare(
        &self,
        pair: &Pair<'_>,
        page: &Page<'_>,
        from: BranchName,
        base: LogPosition,
    ) -> Result<Diff, Refusal> {
        let mut diff = Diff::new(from, pair.branch, base, self.last(), page);
        let mut spans = pair.after.spans_beyond(&pair.before);
        spans.extend(pair.before.spans_beyond(&pair.after));
        let source = self.source();
        let mut after = page.after.map(|mark| mark.key.clone());
        let (mut step, chunk) = match after {
            None => (CHANGES_PAGE, CHUNK),
            // All are counted now: the diff most likely ends with this page.
            Some(_) => (CHUNK, CHUNK.min(page.limit + 1)),
        };
        loop {
            let keys = source.changed_page(&spans, after.as_ref(), step).await?;
            let full = keys.len() == step;
            step = CHANGES_PAGE;
            after = keys.last().cloned().or(after);
            let wanted = |key: &&ModelKey| is_of(key, page.class);
            let keys: Vec<&ModelKey> = keys.iter().filter(wanted).collect();
            for keys in keys.chunks(chunk) {
                for (key, difference) in self.differences(pair, keys).await? {
                    diff.take(key, difference, page);
                }
                if diff.is_done(page) {
                    break;
                }
            }
            if !full || diff.is_done(page) {
                self.check().await?;
                return Ok(diff);
            }
        }
    }

    /// A branch at a position.
    async fn branch_at(
        &self,
        name: &BranchName,
        position: LogPosition,
    ) -> Result<Option<BranchState>, StoreError> {
        let asked = (Lineage::main().at(position), ModelKey::branch(name));
        let found = self.source().entries(vec![asked]).await?;
        let mut found = found.iter().flatten().map(ModelEntry::read);
        found.next().transpose()
    }

    /// Refuses a class that neither side has or ever had.
    async fn require_class(&self, pair: &Pair<'_>, class: &ClassName) -> Result<(), Refusal> {
        let key = ModelKey::class(class);
        let asked = [&pair.before, &pair.after].map(|lineage| (lineage.clone(), key.clone()));
        let found = self.source().entries(asked.into()).await?;
        if found.iter().any(Option::is_some) {
            return Ok(());
        }
        let message = format!("there is no class {class} on this branch");
        Err(Refusal::new(ErrorCode::NotFound, message).with("class_id", class.as_str()))
    }

    async fn differences<'k>(
        &self,
        pair: &Pair<'_>,
        keys: &[&'k ModelKey],
    ) -> Result<Vec<(&'k ModelKey, Difference)>, Refusal> {
        let source = self.source();
        let of = |lineage: &Lineage| {
            let asked = keys.iter().map(|key| (lineage.clone(), (*key).clone()));
            source.entries(asked.collect())
        };
        let (before, after) = (of(&pair.before).await?, of(&pair.after).await?);
        let mut found = Vec::new();
        for ((key, before), after) in keys.iter().zip(before).zip(after) {
            if is_same(before.as_ref(), after.as_ref()) {
                continue;
            }
            let (before, after) = (read_data(before.as_ref())?, read_data(after.as_ref())?);
            let Some(aggregate) = pair.aggregate(key) else {
                continue;
            };
            if let Some(difference) = merge::difference(aggregate, before.as_ref(), after.as_ref())
            {
                found.push((*key, difference));
            }
        }
        Ok(found)
    }
}

impl Pair<'_> {
    fn aggregate(&self, key: &ModelKey) -> Option<AggregateId> {
        let (database, branch) = (self.database.clone(), self.branch.clone());
        Some(match key.entity()? {
            Entity::Class(class) => AggregateId::OntologyClass(database, branch, class),
            Entity::Instance(instance) => {
                AggregateId::Instance(database, branch, instance.class, instance.id)
            }
        })
    }
}

fn generation(level: &Level) -> BranchGeneration {
    level.generation
}

fn nothing_to_compare() -> Refusal {
    let message = "main has no parent; name what to compare it with by `against` or \
                   `from_position`";
    Refusal::new(ErrorCode::InvalidRequest, message).with("field", "against")
}

/// The same version, or none on either side.
fn is_same(before: Option<&ModelEntry>, after: Option<&ModelEntry>) -> bool {
    let place = |entry: &ModelEntry| (entry.branch, entry.position);
    before.map(place) == after.map(place)
}

fn is_of(key: &ModelKey, class: Option<&ClassName>) -> bool {
    let Some(class) = class else { return true };
    match key.entity() {
        Some(Entity::Class(found)) => found == *class,
        Some(Entity::Instance(instance)) => instance.class == *class,
        None => false,
    }
}

/// The state of an entry; none if it is missing or deleted.
fn read_data(entry: Option<&ModelEntry>) -> Result<Option<Json>, StoreError> {
    let state = entry.map(ModelEntry::read::<AggregateState>).transpose()?;
    Ok(state.and_then(|state| state.data))
}
