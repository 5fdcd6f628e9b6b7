//! The effects of a change or a deletion of a class, counted over the existing instances.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    command::RawData,
    error::StoreError,
    json::Json,
    name::ClassName,
    ontology::{ChangeLint, Class, Finding, Schema, Severity, check_structure},
};

use crate::{
    http::{
        answer::{self, Answer},
        call::Call,
        failure::Failure,
        parameters::path,
    },
    read::{reading::Reading, wait::Needs},
};

/// The maximum number of instances in a finding.
const SAMPLES: usize = 5;

/// The effects of a change.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LintAnswer {
    class_id: ClassName,
    findings: Vec<Finding>,
    instances_checked: u64,
    safe: bool,
}

pub(crate) async fn lint(mut call: Call) -> Answer {
    let name = call.get(&path::CLASS)?;
    let body = call.document().await?;
    let deletes = is_deletion(&call, &body)?;
    let reading = call.reading(Needs::GRAPH).await?;
    let before = reading.schema().await?;
    let class = reading.class(&name).await?;
    let mut after = Schema::clone(&before);
    if deletes {
        after.remove(&class.id);
    } else {
        let patched = class.patch(&body);
        let patched = patched.map_err(|refusal| Failure::of_refusal(call.surface, refusal))?;
        after.put(Arc::new(patched));
    }
    let step = Step {
        before: &before,
        after: &after,
        class: &class.id,
    };
    let mut findings = step.definition_findings();
    let (counted, mut checked) = step.counted(&reading, &mut findings).await?;
    if deletes {
        let (references, more) = step.references(&reading, &counted).await?;
        findings.extend(references);
        checked += more;
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let answer = LintAnswer {
        class_id: class.id.clone(),
        instances_checked: checked,
        safe: !findings.iter().any(|it| it.severity == Severity::Breaking),
        findings,
    };
    answer::ok(&answer)
}

/// Whether the body asks for the deletion of the class.
fn is_deletion(call: &Call, body: &Json) -> Result<bool, Failure> {
    let fields: RawData = body.read().map_err(|_| {
        call.given
            .shape("body", "type", "the change of a class must be an object")
    })?;
    match fields.get("delete") {
        None => Ok(false),
        Some(only) if fields.len() == 1 && only.as_str() == "true" => Ok(true),
        Some(other) => {
            let message = "`delete` must be true and cannot be combined with other fields";
            Err(call.refuse("delete", "type", other.to_shown(), message))
        }
    }
}

/// One change of one class.
struct Step<'a> {
    before: &'a Schema,
    after: &'a Schema,
    class: &'a ClassName,
}

impl Step<'_> {
    /// The findings from the definitions that this change causes.
    fn definition_findings(&self) -> Vec<Finding> {
        let mut findings = check_structure(self.after, self.class);
        let known = check_structure(self.before, self.class);
        findings.retain(|finding| !known.contains(finding));
        for class in self.after.iter_declared() {
            let known = self.before.contradictions(&class.id);
            let mut new = self.after.contradictions(&class.id);
            new.retain(|violation| !known.contains(violation));
            // A forced deletion leaves children without their parent: they are listed below.
            new.retain(|violation| violation.rule != "parent" || *self.class == class.id);
            findings.extend(new.iter().map(|violation| {
                let message = format!("{}; the change is refused", violation.message);
                breaking("contradiction", &violation.field, message)
            }));
        }
        if self.after.get_declared(self.class).is_none() {
            let children = self.after.iter_declared();
            let children = children.filter(|child| child.parent() == Some(self.class));
            findings.extend(children.map(|child| self.orphan(child)));
        }
        findings
    }

    /// Adds the findings from instances of the class and its subclasses. Returns whose instances
    /// were checked, and how many.
    async fn counted(
        &self,
        reading: &Reading,
        findings: &mut Vec<Finding>,
    ) -> Result<(Vec<ClassName>, u64), StoreError> {
        let mut change = ChangeLint::between(self.before, self.after, self.class);
        let counted: Vec<ClassName> = change.counted_classes().cloned().collect();
        let mut checked = 0;
        for class in &counted {
            let looking = reading.each(class, |at, properties| {
                change.check_instance(class, &at.id, properties);
            });
            checked += looking.await?;
        }
        findings.extend(change.finish());
        Ok((counted, checked))
    }

    fn orphan(&self, child: &Class) -> Finding {
        let message = format!(
            "{} is the parent of {}, so the deletion is refused without force; give {} another \
             parent first",
            self.class, child.id, child.id
        );
        breaking("parent_of", child.id.as_str(), message)
    }

    /// References to a deleted class, by relationship; and the number of instances checked that
    /// were not counted before.
    async fn references(
        &self,
        reading: &Reading,
        counted: &[ClassName],
    ) -> Result<(Vec<Finding>, u64), StoreError> {
        let mut findings = Vec::new();
        let mut checked = 0;
        for holder in self.before.iter().filter(|it| it.id != *self.class) {
            let relationships = holder.relationships().iter();
            let mut leading: Vec<Finding> = relationships
                .filter(|it| it.leads_to(self.class))
                .map(|it| {
                    let field = format!("{}.{}", holder.id, it.predicate);
                    breaking("referred_to", &field, String::new())
                })
                .collect();
            if leading.is_empty() {
                continue;
            }
            let looking = reading.each(&holder.id, |at, properties| {
                for (predicate, target) in holder.references(properties) {
                    let field = format!("{}.{predicate}", holder.id);
                    let finding = leading.iter_mut().find(|it| it.field == field);
                    if let Some(finding) = finding.filter(|_| target.class == *self.class) {
                        finding.affected += 1;
                        if finding.sample_instance_ids.len() < SAMPLES {
                            finding.sample_instance_ids.push(at.to_string());
                        }
                    }
                }
            });
            let shown = looking.await?;
            if !counted.contains(&holder.id) {
                checked += shown;
            }
            let leading = leading.into_iter();
            findings.extend(leading.filter_map(|it| self.referred(holder, shown, it)));
        }
        Ok((findings, checked))
    }

    /// A relationship to the class itself prevents its deletion; one to an ancestor only if there
    /// are references.
    fn referred(&self, holder: &Class, shown: u64, mut finding: Finding) -> Option<Finding> {
        let own = holder.targets().contains(&self.class);
        if !own && finding.affected == 0 {
            return None;
        }
        finding.total = shown;
        finding.message = format!(
            "{} refers to {}, with {} references in {shown} instances, which would refer to \
             nothing; remove them and the relationship first",
            finding.field, self.class, finding.affected
        );
        Some(finding)
    }
}

pub(super) fn breaking(code: &'static str, field: &str, message: String) -> Finding {
    Finding::of_definition(Severity::Breaking, code, field, message)
}
