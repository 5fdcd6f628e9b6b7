//! What a change or a deletion of a class would do, counted over the instances that are there.

use std::sync::Arc;

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    command::RawData,
    error::Violation,
    id::InstanceRef,
    json::{Json, Properties},
    name::ClassName,
    ontology::{ChangeLint, Class, Finding, Schema, Severity, structure},
    port::graph::{Entity, Version},
};

use crate::http::{
    answer::{self, Answer},
    call::Call,
    failure::Failure,
    parameters::path,
    read::Reading,
    wait::Needs,
};

/// How many instances are read at once.
const CHUNK: usize = 1_000;
/// Instances that a finding names.
const SAMPLES: usize = 5;

/// What a change would do.
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
    let before = reading.schema(&call.api).await?;
    let class = reading.class(&call.api, &name).await?;
    let mut after = Schema::clone(&before);
    if deletes {
        after.remove(&class.id);
    } else {
        let patched = class.patched(&body);
        let patched = patched.map_err(|refusal| Failure::of_refusal(call.surface, refusal))?;
        after.put(Arc::new(patched));
    }
    let step = Step {
        before: &before,
        after: &after,
        class: &class.id,
    };
    let mut findings = step.told_by_definition();
    let (counted, mut checked) = step.counted(&call, &reading, &mut findings).await?;
    if deletes {
        let (references, more) = step.references(&call, &reading, &counted).await?;
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
    answer::json(StatusCode::OK, &answer)
}

/// Whether the body asks for the deletion of the class, and not for a change.
fn is_deletion(call: &Call, body: &Json) -> Result<bool, Failure> {
    let fields: RawData = body
        .read()
        .map_err(|_| call.shape("body", "type", "the change of a class is an object"))?;
    match fields.get("delete") {
        None => Ok(false),
        Some(only) if fields.len() == 1 && only.as_str() == "true" => Ok(true),
        Some(other) => {
            let message = "delete is true, and stands alone";
            Err(call.shape_of("delete", "type", other.to_shown(), message))
        }
    }
}

/// Shows every live instance of a class, page by page; tells how many there are.
async fn each(
    call: &Call,
    reading: &Reading,
    class: &ClassName,
    mut look: impl FnMut(&InstanceRef, &Properties),
) -> Result<u64, Failure> {
    let graph = &call.api.engine.graph;
    let mut after: Option<String> = None;
    let mut shown = 0;
    loop {
        let page = graph
            .scan(&reading.view, class, &[], after.as_deref(), CHUNK)
            .await?;
        for Version { entity, data, .. } in &page.versions {
            let (Entity::Instance(at), Some(data)) = (entity, data) else {
                continue;
            };
            look(at, &data.read()?);
            shown += 1;
            after = Some(at.id.to_string());
        }
        if !page.more || page.versions.is_empty() {
            return Ok(shown);
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
    /// What the definitions alone tell, as far as the change is what makes it so.
    fn told_by_definition(&self) -> Vec<Finding> {
        let mut told = structure(self.after, self.class);
        let known = structure(self.before, self.class);
        told.retain(|finding| !known.contains(finding));
        for class in self.after.iter_declared() {
            let known = self.before.contradictions(&class.id);
            let mut new = self.after.contradictions(&class.id);
            new.retain(|violation| !known.contains(violation));
            // A deletion by force leaves children without their parent: they are told below.
            new.retain(|violation| violation.rule != "parent" || *self.class == class.id);
            told.extend(new.iter().map(contradiction));
        }
        if self.after.declared(self.class).is_none() {
            let children = self.after.iter_declared();
            let children = children.filter(|child| child.parent() == Some(self.class));
            told.extend(children.map(|child| self.orphan(child)));
        }
        told
    }

    /// Adds what the instances of the class and of those below it tell; says whose were looked at,
    /// and how many they are.
    async fn counted(
        &self,
        call: &Call,
        reading: &Reading,
        findings: &mut Vec<Finding>,
    ) -> Result<(Vec<ClassName>, u64), Failure> {
        let mut change = ChangeLint::between(self.before, self.after, self.class);
        let counted: Vec<ClassName> = change.counted().cloned().collect();
        let mut checked = 0;
        for class in &counted {
            checked += each(call, reading, class, |at, properties| {
                change.look(class, &at.id, properties);
            })
            .await?;
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

    /// References to a class that goes, by the relationships that lead to it; and the instances
    /// looked at that were not counted before.
    async fn references(
        &self,
        call: &Call,
        reading: &Reading,
        counted: &[ClassName],
    ) -> Result<(Vec<Finding>, u64), Failure> {
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
            let shown = each(call, reading, &holder.id, |at, properties| {
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
            })
            .await?;
            if !counted.contains(&holder.id) {
                checked += shown;
            }
            findings.extend(
                leading
                    .into_iter()
                    .filter_map(|it| self.referred(holder, shown, it)),
            );
        }
        Ok((findings, checked))
    }

    /// A relationship to the class itself stands against its deletion; one to a class above it
    /// only where references are.
    fn referred(&self, holder: &Class, shown: u64, mut finding: Finding) -> Option<Finding> {
        let own = holder.targets().contains(&self.class);
        if !own && finding.affected == 0 {
            return None;
        }
        finding.total = shown;
        finding.message = format!(
            "{} leads to {}, with {} references in {shown} instances, which would lead to nothing; \
             remove them and the relationship first",
            finding.field, self.class, finding.affected
        );
        Some(finding)
    }
}

fn contradiction(violation: &Violation) -> Finding {
    let message = format!("{}; the change is refused", violation.message);
    breaking("contradiction", &violation.field, message)
}

pub(super) fn breaking(code: &'static str, field: &str, message: String) -> Finding {
    Finding::of_definition(Severity::Breaking, code, field, message)
}
