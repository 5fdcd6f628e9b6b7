//! What a change of classes loses or invalidates: counted findings, and the hash of the plan.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::{
    command::{ChangePolicy, Declaration},
    decide::{
        classes::Edits,
        draft::Draft,
        need::Changes,
        stop::{Needs, Stop},
        tally::Tally,
        version::Version,
    },
    error::{ErrorCode, Refusal},
    id::InstanceRef,
    json::{Json, Properties},
    model::ModelKey,
    name::ClassName,
    ontology::{ClassFinding, Finding, Severity},
    port::graph::Entity,
};

/// The maximum number of findings in an answer.
const SHOWN: usize = 20;

/// The maximum number of instances that a decision counts itself.
const MOST: usize = 10_000;

/// The length of a plan's hash, in hexadecimal digits.
const HASH: usize = 32;

/// The effects of a plan on existing data.
#[derive(Debug, Clone, PartialEq)]
pub struct Safety {
    /// The findings, worst first; at most 20.
    pub findings: Vec<ClassFinding>,
    /// How many findings there are.
    pub findings_total: usize,
    /// Whether no data would be lost or invalid.
    pub safe: bool,
    /// The hash of an unsafe plan.
    pub hash: Option<String>,
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            findings: Vec::new(),
            findings_total: 0,
            safe: true,
            hash: None,
        }
    }
}

impl Safety {
    /// Whether the policy of a declaration refuses the plan.
    pub(super) fn is_refused(&self, declaration: &Declaration) -> bool {
        !self.safe && declaration.policy == ChangePolicy::Safe && declaration.approve != self.hash
    }

    /// The refusal of an unsafe plan.
    pub(super) fn refusal(&self) -> Refusal {
        let first = self.findings.first().map_or("", |it| &it.finding.message);
        let hash = self.hash.as_deref().unwrap_or_default();
        let message = format!(
            "the change would lose or invalidate data: {first}; approve exactly this plan with \
             {hash}, or change the data first"
        );
        Refusal::new(ErrorCode::UnsafeChange, message)
            .with("hash", hash)
            .with(
                "findings",
                serde_json::to_value(&self.findings).unwrap_or_default(),
            )
            .with("findings_total", self.findings_total)
    }
}

/// The rules that the changes touch, before any instance is counted.
pub(super) fn new_tally(draft: &Draft, edits: &Edits) -> Tally {
    let lineage = edits.branch.lineage.at(draft.last_position());
    Tally::new(lineage, edits.before, &edits.after, &edits.changed())
}

/// Assesses changes of classes, branch by branch, at the end of the log. The counts are exact there.
/// They are one plan with one hash: an approval lets all of it through.
pub(super) fn assess<'a>(
    draft: &Draft<'a>,
    all: &[Edits<'a>],
    declaration: &Declaration,
) -> Result<Safety, Stop> {
    if declaration.policy == ChangePolicy::Unsafe {
        return Ok(Safety::default());
    }
    let mut needs = Needs::default();
    let mut findings = Vec::new();
    let mut plan = Vec::new();
    for edits in all {
        let Some(found) = needs.take(find(draft, edits))? else {
            continue;
        };
        plan.extend(describe(edits, &found));
        findings.extend(found);
    }
    needs.settle()?;
    findings.sort_by_key(|it| std::cmp::Reverse(it.finding.severity));
    let safe = !findings.iter().any(is_breaking);
    Ok(Safety {
        findings_total: findings.len(),
        safe,
        hash: (!safe).then(|| hash(plan)),
        findings: findings.into_iter().take(SHOWN).collect(),
    })
}

/// What changes of classes of a branch lose or invalidate, and what speaks against them.
fn find<'a>(draft: &Draft<'a>, edits: &Edits<'a>) -> Result<Vec<ClassFinding>, Stop> {
    let generation = edits.branch.generation;
    let tally = match draft.state.tally(draft.command.id, generation) {
        Some(known) => catch_up(draft, edits, known)?,
        None => None,
    };
    let tally = match tally {
        Some(tally) => tally,
        None => count(draft, edits)?,
    };
    let mut findings = tally.finish();
    for (class, needed) in edits.list_needed() {
        let finding = Finding::of_definition(
            Severity::Breaking,
            needed.code(),
            needed.by().as_str(),
            needed.describe(class),
        );
        findings.push(ClassFinding {
            class_id: class.clone(),
            finding,
        });
    }
    Ok(findings)
}

fn is_breaking(it: &ClassFinding) -> bool {
    it.finding.severity == Severity::Breaking
}

/// A plan is what changes on a branch, and what is affected by it: another count is another plan.
fn describe(edits: &Edits, findings: &[ClassFinding]) -> Vec<String> {
    let breaking = findings.iter().filter(|it| is_breaking(it));
    let breaking = breaking.map(|it| {
        let Finding {
            code,
            field,
            affected,
            ..
        } = &it.finding;
        format!("{} {code} {field} {affected}", it.class_id)
    });
    let lines = edits.describe().into_iter().chain(breaking);
    lines
        .map(|line| format!("{} {line}", edits.branch.name))
        .collect()
}

fn hash(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    let mut hash = format!("{:x}", Sha256::digest(lines.join("\n")));
    hash.truncate(HASH);
    hash
}

/// A tally with what has changed since; none if classes have changed, or too much.
fn catch_up<'a>(
    draft: &Draft<'a>,
    edits: &Edits<'a>,
    known: &Tally,
) -> Result<Option<Tally>, Stop> {
    let branch = edits.branch;
    let changes = Changes {
        spans: branch.lineage.spans_beyond(&known.lineage),
        classes: Some(known.classes()),
        most: MOST,
    };
    let keys = draft.state.list_changed(&changes)?;
    let is_class = |key: &ModelKey| matches!(key.entity(), Some(Entity::Class(_)));
    if keys.len() > MOST || keys.iter().any(is_class) {
        return Ok(None);
    }
    let mut tally = known.clone();
    let mut needs = Needs::default();
    for key in keys {
        let Some(Entity::Instance(InstanceRef { class, id })) = key.entity() else {
            continue;
        };
        let before = needs
            .take(draft.state.entry_at(&known.lineage, &key))?
            .flatten();
        let after = needs
            .take(Version::newest(draft.state, branch, &key))?
            .flatten();
        if let Some(before) = before
            && let Some(properties) = properties(&Version::read(before)?)?
        {
            tally.remove(&class, &id, &properties);
        }
        if let Some(after) = after
            && let Some(properties) = properties(&after)?
        {
            tally.add(&class, &id, &properties);
        }
    }
    needs.settle()?;
    Ok(Some(tally))
}

/// Counts all instances. Refused if there are too many for the decision itself.
fn count<'a>(draft: &Draft<'a>, edits: &Edits<'a>) -> Result<Tally, Stop> {
    let mut tally = new_tally(draft, edits);
    let classes: BTreeSet<ClassName> = tally.classes();
    let mut needs = Needs::default();
    for class in classes {
        let keys = needs.take(draft.state.live_instances(edits.branch, &class, MOST))?;
        let Some(keys) = keys else { continue };
        if keys.len() > MOST {
            let message = format!(
                "more than {MOST} instances of class {class} changed while they were counted; \
                 try again"
            );
            return Err(Refusal::new(ErrorCode::Unavailable, message).into());
        }
        for key in keys {
            let found = needs.take(Version::newest(draft.state, edits.branch, key))?;
            let Some(version) = found.flatten() else {
                continue;
            };
            if let Some(Entity::Instance(instance)) = key.entity()
                && let Some(properties) = properties(&version)?
            {
                tally.add(&class, &instance.id, &properties);
            }
        }
    }
    needs.settle()?;
    Ok(tally)
}

fn properties(version: &Version) -> Result<Option<Properties>, Stop> {
    let data = version.state.data.as_ref();
    Ok(data.map(Json::read).transpose()?)
}
