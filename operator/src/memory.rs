//! A small model of the api for tests: its state, its refusals, and its failures. The module
//! `conformance` holds it to the real api.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Mutex,
};

use spice_crds::{Adopt, Exact, Plan};

use crate::client::{
    Accepted, Api, ApiError, Change, ChangedThing, Claim, Command, Comparison, Declaration,
    Deletion, HandOver, Known, Owner, Progress, Subject, Thing as Claimed,
};

/// How the next command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens, and there is no answer.
    Away,
    /// The command is executed, and the answer is lost.
    AnswerLost,
    /// The command is executed and projected later.
    Late,
}

/// A declared thing: its content, and who holds it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thing {
    pub(crate) content: Exact,
    pub(crate) owner: Option<Owner>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// Things by kind and path: `database shop`, `branch shop/b`, `class shop/main/X`.
    pub(crate) things: BTreeMap<String, Thing>,
    /// Who held what somebody else deleted.
    lost: BTreeMap<String, Owner>,
    /// The newest generation of each uid.
    generations: BTreeMap<String, i64>,
    /// The uids whose declaration ended with that generation.
    ended: BTreeSet<String>,
    /// The number of generations of a database's name that are over.
    over: BTreeMap<String, u64>,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) refuse: Option<(&'static str, &'static str)>,
    /// Refuse changes of these classes as unsafe, under this hash.
    pub(crate) unsafe_hash: Option<&'static str>,
    late: BTreeMap<String, u32>,
    /// The executed changes, in order.
    pub(crate) effects: Vec<String>,
    /// How every branch differs from its parent.
    pub(crate) comparison: Option<Comparison>,
    pub(crate) comparison_fails: bool,
    pub(crate) reads_fail: u32,
    pub(crate) reads: u32,
    /// Whether a handler has parked the late commands.
    pub(crate) parked: bool,
    position: u64,
    pub(crate) projected: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) state: Mutex<State>,
}

fn away() -> ApiError {
    ApiError::Transient {
        message: "cannot reach the api".into(),
    }
}

fn missing(what: String) -> ApiError {
    ApiError::Missing { what }
}

impl Memory {
    pub(crate) fn effects(&self) -> Vec<String> {
        self.state.lock().unwrap().effects.clone()
    }

    /// Simulates a change by somebody else.
    pub(crate) fn meddle(&self, key: &str, content: &str) {
        let mut state = self.state.lock().unwrap();
        let thing = state.things.get_mut(key).unwrap();
        thing.content = Exact::parse(content).unwrap();
    }

    /// Simulates a deletion by somebody else.
    pub(crate) fn delete(&self, key: &str) {
        self.state.lock().unwrap().delete(key);
    }

    pub(crate) fn content(&self, key: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        state.things.get(key).map(|thing| thing.content.to_string())
    }

    fn fail(state: &mut State) -> Result<(), ApiError> {
        state.reads += 1;
        if state.reads_fail > 0 {
            state.reads_fail -= 1;
            return Err(away());
        }
        Ok(())
    }
}

impl Api for Memory {
    async fn database(&self, name: &str) -> Result<Known, ApiError> {
        let state = &mut *self.state.lock().unwrap();
        Self::fail(state)?;
        let exists = state.things.contains_key(&format!("database {name}"));
        Ok(Known {
            exists,
            over: state.over.get(name).copied().unwrap_or_default(),
            generation: state.over.get(name).copied().unwrap_or_default() + 1,
            position: state.position,
            projected: state.projected,
        })
    }

    async fn command(&self, command: &str) -> Result<Option<Progress>, ApiError> {
        let state = &mut *self.state.lock().unwrap();
        Self::fail(state)?;
        let left = state.late.entry(command.to_owned()).or_default();
        if *left == 0 {
            state.projected = state.position + 1;
            return Ok(Some(Progress::Completed));
        }
        if state.parked {
            return Ok(Some(Progress::Parked(vec!["graph_worker".to_owned()])));
        }
        *left -= 1;
        Ok(Some(Progress::Pending))
    }

    async fn compare(&self, _: &str, _: &str) -> Result<Comparison, ApiError> {
        let state = self.state.lock().unwrap();
        if state.comparison_fails {
            return Err(ApiError::Transient {
                message: "cannot reach the api".into(),
            });
        }
        Ok(state.comparison.unwrap_or(Comparison {
            base_position: 1,
            changes: 0,
            conflicts: 0,
        }))
    }

    async fn send(&self, database: &str, command: &Command) -> Result<Accepted, ApiError> {
        let state = &mut *self.state.lock().unwrap();
        if let Some((reason, message)) = state.refuse {
            return Err(ApiError::Rejected {
                reason: reason.into(),
                message: message.into(),
            });
        }
        let fault = state.faults.pop_front();
        if fault == Some(Fault::Away) {
            return Err(away());
        }
        let changes = match command {
            Command::Declare(declaration) => state.declare(database, declaration)?,
            Command::HandOver(hand_over) => state.hand_over(database, hand_over)?,
            Command::Delete(deletion) => state.withdraw(database, deletion)?,
        };
        let dry_run = matches!(command, Command::Declare(it) if it.dry_run);
        let accepted = state.answer(changes, dry_run, fault == Some(Fault::Late));
        if fault == Some(Fault::AnswerLost) {
            Err(away())
        } else {
            Ok(accepted)
        }
    }
}

impl State {
    fn answer(&mut self, changes: Vec<ChangedThing>, dry_run: bool, is_late: bool) -> Accepted {
        if changes.is_empty() || dry_run {
            return Accepted {
                command: None,
                position: None,
                changes,
                progress: Progress::Completed,
            };
        }
        for thing in &changes {
            let change = format!("{:?}", thing.change).to_lowercase();
            self.effects
                .push(format!("{change} {} {}", thing.kind, thing.name));
        }
        self.position += 1;
        let id = format!("c{}", self.position);
        if is_late {
            self.late.insert(id.clone(), 2);
        } else {
            self.projected = self.position + 1;
        }
        Accepted {
            command: Some(id),
            position: Some(self.position),
            changes,
            progress: if is_late {
                Progress::Pending
            } else {
                Progress::Completed
            },
        }
    }

    fn check_generation(&self, claim: &Claim, is_end: bool) -> Result<(), ApiError> {
        let Claim { owner, generation } = claim;
        let known = self.generations.get(&owner.uid);
        let is_over = !is_end && known == Some(generation) && self.ended.contains(&owner.uid);
        if is_over || known.is_some_and(|known| known > generation) {
            let message = "a newer generation was applied".to_owned();
            return Err(ApiError::Stale { message });
        }
        Ok(())
    }

    /// The wanted things by key.
    fn wanted(&self, database: &str, subject: &Subject) -> Result<Vec<(String, Exact)>, ApiError> {
        let has = |key: String| self.things.contains_key(&key);
        if !matches!(subject, Subject::Database { .. }) && !has(format!("database {database}")) {
            return Err(missing(format!("database {database}")));
        }
        let branch_exists =
            |name: &str| name == "main" || has(format!("branch {database}/{}", flat(name)));
        Ok(match subject {
            Subject::Database { description, .. } => {
                let key = format!("database {database}");
                let known = self.things.get(&key).map(|thing| thing.content.clone());
                let description = description.clone().map(Exact::from);
                vec![(key, description.or(known).unwrap_or_else(|| "".into()))]
            }
            Subject::Branch {
                name, from_branch, ..
            } => {
                if !branch_exists(from_branch) {
                    return Err(missing(format!("branch {from_branch}")));
                }
                let key = format!("branch {database}/{}", flat(name));
                vec![(key, from_branch.as_str().into())]
            }
            Subject::Classes {
                branch,
                definitions,
            } => {
                if !branch_exists(branch) {
                    return Err(missing(format!("branch {branch}")));
                }
                let id = |definition: &Exact, key: &str| {
                    definition
                        .get(key)
                        .and_then(Exact::as_str)
                        .map(str::to_owned)
                };
                let key = |class: &str| format!("class {database}/{}/{class}", flat(branch));
                for definition in definitions {
                    let parent = id(definition, "parent_class");
                    let is_here = |parent: &String| {
                        has(key(parent))
                            || definitions
                                .iter()
                                .any(|it| id(it, "id").as_ref() == Some(parent))
                    };
                    if let Some(parent) = parent.filter(|parent| !is_here(parent)) {
                        return Err(missing(format!("class {parent}")));
                    }
                }
                definitions
                    .iter()
                    .map(|it| (key(&id(it, "id").unwrap_or_default()), it.clone()))
                    .collect()
            }
        })
    }

    fn declare(
        &mut self,
        database: &str,
        declaration: &Declaration,
    ) -> Result<Vec<ChangedThing>, ApiError> {
        let claim = declaration.claim.as_ref();
        if let Some(claim) = claim {
            self.check_generation(claim, false)?;
        }
        let own = claim.map(|claim| &claim.owner);
        let wanted = self.wanted(database, &declaration.subject)?;
        let mut changes = Vec::new();
        let mut next = self.things.clone();
        for (key, content) in &wanted {
            let change = match self.things.get(key) {
                None => {
                    if let Some(loser) = self.lost.get(key)
                        && is_same(own, Some(loser))
                        && !declaration.recreate
                    {
                        let message = format!("{key} was deleted");
                        return Err(ApiError::Deleted { message });
                    }
                    Some(Change::Added)
                }
                Some(thing) => self.compare(key, thing, content, declaration)?,
            };
            let owner = own.cloned().or_else(|| self.things.get(key)?.owner.clone());
            let content = content.clone();
            next.insert(key.clone(), Thing { content, owner });
            changes.extend(change.map(|change| changed(key, change)));
        }
        if let (Subject::Classes { branch, .. }, Some(own)) = (&declaration.subject, own) {
            let place = format!("class {database}/{}/", flat(branch));
            let is_left = |key: &String, thing: &Thing| {
                key.starts_with(&place)
                    && is_same(thing.owner.as_ref(), Some(own))
                    && !wanted.iter().any(|(wanted, _)| wanted == key)
            };
            for (key, _) in self
                .things
                .iter()
                .filter(|(key, thing)| is_left(key, thing))
            {
                next.remove(key);
                changes.push(changed(key, Change::Deleted));
            }
        }
        self.refuse_unsafe(&changes, declaration.approve.as_deref())?;
        if !declaration.dry_run {
            self.things = next;
            for (key, _) in &wanted {
                self.lost.remove(key);
            }
            if let Some(claim) = claim {
                self.note(claim);
            }
        }
        Ok(changes)
    }

    fn note(&mut self, claim: &Claim) {
        let uid = claim.owner.uid.clone();
        self.ended.remove(&uid);
        self.generations.insert(uid, claim.generation);
    }

    fn compare(
        &self,
        key: &str,
        thing: &Thing,
        content: &Exact,
        declaration: &Declaration,
    ) -> Result<Option<Change>, ApiError> {
        let own = declaration.claim.as_ref().map(|claim| &claim.owner);
        let is_equal = thing.content == *content;
        match &thing.owner {
            Some(owner) if !is_same(own, Some(owner)) => {
                if own.is_none() && is_equal {
                    return Ok(None);
                }
                Err(ApiError::Owned {
                    owner: Box::new(owner.clone()),
                    generation: self
                        .generations
                        .get(&owner.uid)
                        .copied()
                        .unwrap_or_default(),
                    message: format!("{key} is owned by {owner}"),
                })
            }
            None if own.is_some()
                && (declaration.adopt == Adopt::Never
                    || declaration.adopt == Adopt::IfEqual && !is_equal) =>
            {
                Err(ApiError::NotAdopted {
                    message: format!("{key} exists already"),
                })
            }
            _ => Ok((!is_equal).then_some(Change::Modified)),
        }
    }

    fn refuse_unsafe(
        &self,
        changes: &[ChangedThing],
        approve: Option<&str>,
    ) -> Result<(), ApiError> {
        let Some(hash) = self.unsafe_hash.filter(|hash| approve != Some(*hash)) else {
            return Ok(());
        };
        let is_change = |thing: &ChangedThing| {
            thing.kind == "class" && matches!(thing.change, Change::Modified | Change::Deleted)
        };
        if !changes.iter().any(is_change) {
            return Ok(());
        }
        Err(unsafe_change(hash))
    }

    /// Whether a class would lose its parent.
    fn has_orphans(&self, deleted: &[String]) -> bool {
        let others = self.things.iter().filter(|(key, _)| !deleted.contains(key));
        let mut parents = others.filter_map(|(key, thing)| {
            let parent = thing.content.get("parent_class")?.as_str()?;
            Some(format!("{}/{parent}", key.rsplit_once('/')?.0))
        });
        parents.any(|parent| deleted.contains(&parent))
    }

    /// The keys of what an owner holds in a database.
    fn list_held(&self, database: &str, claim: &Claim) -> Result<Vec<String>, ApiError> {
        self.check_generation(claim, true)?;
        if !self.things.contains_key(&format!("database {database}")) {
            return Err(missing(format!("database {database}")));
        }
        let is_here = |key: &str| {
            let path = key.split_once(' ').map_or("", |(_, path)| path);
            path == database || path.starts_with(&format!("{database}/"))
        };
        let is_held = |(key, thing): &(&String, &Thing)| {
            is_here(key) && is_same(thing.owner.as_ref(), Some(&claim.owner))
        };
        let held = self.things.iter().filter(is_held);
        Ok(held.map(|(key, _)| key.clone()).collect())
    }

    fn hand_over(
        &mut self,
        database: &str,
        hand_over: &HandOver,
    ) -> Result<Vec<ChangedThing>, ApiError> {
        let held = self.list_held(database, &hand_over.claim)?;
        for thing in &hand_over.only {
            let key = match thing {
                Claimed::Database => format!("database {database}"),
                Claimed::Branch { name } => format!("branch {database}/{}", flat(name)),
                Claimed::Class { branch, name } => {
                    format!("class {database}/{}/{name}", flat(branch))
                }
            };
            if held.contains(&key)
                && let Some(thing) = self.things.get_mut(&key)
            {
                thing.owner = Some(hand_over.to.clone());
            }
        }
        self.note(&hand_over.claim);
        Ok(Vec::new())
    }

    fn withdraw(
        &mut self,
        database: &str,
        deletion: &Deletion,
    ) -> Result<Vec<ChangedThing>, ApiError> {
        let held = self.list_held(database, &deletion.claim)?;
        let changes: Vec<ChangedThing> = held
            .iter()
            .map(|key| changed(key, Change::Deleted))
            .collect();
        self.refuse_unsafe(&changes, deletion.approve.as_deref())?;
        if self.has_orphans(&held) {
            return Err(unsafe_change("h0"));
        }
        for key in &held {
            self.delete(key);
            self.lost.remove(key);
        }
        self.note(&deletion.claim);
        self.ended.insert(deletion.claim.owner.uid.clone());
        Ok(changes)
    }

    fn delete(&mut self, key: &str) {
        let Some(thing) = self.things.remove(key) else {
            return;
        };
        if let Some(owner) = thing.owner {
            self.lost.insert(key.to_owned(), owner);
        }
        if let Some(database) = key.strip_prefix("database ") {
            *self.over.entry(database.to_owned()).or_default() += 1;
            let below = format!("{database}/");
            self.things.retain(|key, _| {
                !key.split_once(' ')
                    .is_some_and(|(_, it)| it.starts_with(&below))
            });
        }
    }
}

fn is_same(one: Option<&Owner>, other: Option<&Owner>) -> bool {
    let name = |owner: &Owner| {
        let Owner {
            cluster,
            kind,
            namespace,
            name,
            ..
        } = owner.clone();
        (cluster, kind, namespace, name)
    };
    one.map(name) == other.map(name)
}

fn unsafe_change(hash: &str) -> ApiError {
    ApiError::Unsafe {
        plan: Box::new(Plan {
            hash: hash.to_owned(),
            findings: Vec::new(),
            findings_total: 1,
        }),
        message: "the change loses data".to_owned(),
    }
}

/// The name of a branch as one part of a key.
fn flat(branch: &str) -> String {
    branch.replace('/', "~")
}

fn changed(key: &str, change: Change) -> ChangedThing {
    let (kind, path) = key.split_once(' ').unwrap_or((key, ""));
    let name = path.rsplit('/').next().unwrap_or(path);
    ChangedThing {
        kind: kind.to_owned(),
        name: name.to_owned(),
        change,
    }
}

#[tokio::test]
async fn the_model_does_what_the_operator_expects_of_an_api() {
    crate::conformance::check(&Memory::default(), "shop")
        .await
        .unwrap();
}
