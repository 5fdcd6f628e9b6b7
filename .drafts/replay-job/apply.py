import os,shutil
os.chdir('/work/wt/replayjob')
def sub(p,a,b,n=1):
    s=open(p).read(); assert a in s,(p,a); open(p,'w').write(s.replace(a,b,n))
shutil.copytree('/tmp/replayjob-op/replay','operator/src/replay',dirs_exist_ok=True)
shutil.copy('/tmp/replayjob-op/replay.rs','operator/src/replay.rs')
shutil.copy('/tmp/replayjob-op/replay_job.rs','crds/src/replay_job.rs')
s=open('crds/src/replay_job.rs').read()
s=s.replace('pub enum Approval {','pub enum ReplayApproval {').replace('Option<Approval>','Option<ReplayApproval>')
a=s.index('    printcolumn(\n        name = "Complete"'); b=s.index('    printcolumn(\n        name = "Database"')
s=s[:a]+'''    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\\"Ready\\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\\"Ready\\")].reason"
    ),
'''+s[b:]
open('crds/src/replay_job.rs','w').write(s)
sub('crds/src/lib.rs','pub mod ontology;\n','pub mod ontology;\npub mod replay_job;\n')
sub('crds/src/lib.rs','pub use status::','pub use replay_job::{\n    ReplayApproval, ReplayJob, ReplayJobSpec, ReplayJobStatus, ReplayStrategy, ReplayTarget,\n};\npub use status::')
sub('crds/src/lib.rs','''    pub const RECREATE: &str = "spiceharvester.dev/recreate";
''','''    pub const RECREATE: &str = "spiceharvester.dev/recreate";
    /// On a ReplayJob with `approval: Manual`: the id in `status.externalId`, or `"true"`: let it swap.
    pub const APPROVE: &str = "spiceharvester.dev/approve";
''')
sub('crds/src/crdgen.rs','use crate::{Branch, Database, Exact, Ontology, yaml};','use crate::{Branch, Database, Exact, Ontology, ReplayJob, yaml};')
s=open('crds/src/crdgen.rs').read()
for f,k in (('databases','Database'),('ontologies','Ontology'),('branches','Branch')):
    s=s.replace(f'definition("{f}.yaml", &{k}::crd())?,',f'definition("{f}.yaml", &{k}::crd(), &DECLARED)?,')
s=s.replace('''&Branch::crd(), &DECLARED)?,
''','''&Branch::crd(), &DECLARED)?,
        definition("replayjobs.yaml", &ReplayJob::crd(), &["Ready"])?,
''')
s=s.replace('''/// All definitions.
pub fn''','''/// The conditions of what is declared.
const DECLARED: [&str; 4] = ["Ready", "Accepted", "Synced", "Projected"];

/// All definitions.
pub fn''')
s=s.replace('''    crd: &CustomResourceDefinition,
) ->''','''    crd: &CustomResourceDefinition,
    conditions: &[&str],
) ->''')
s=s.replace('fresh_status());','fresh_status(conditions));')
s=s.replace('fn fresh_status() -> Value {','fn fresh_status(kinds: &[&str]) -> Value {')
s=s.replace('''    let kinds = ["Ready", "Accepted", "Synced", "Projected"];
    json!({"conditions": kinds.map(condition)})''','''    let conditions: Vec<Value> = kinds.iter().map(|kind| condition(kind)).collect();
    json!({"conditions": conditions})''')
open('crds/src/crdgen.rs','w').write(s)
sub('crds/tests/definitions.rs','''        assert_eq!(columns[columns.len() - 3..], ["Position", "Message", "Age"]);''','''        assert_eq!(columns[columns.len() - 2..], ["Message", "Age"]);''')
sub('operator/src/lib.rs','pub mod reconcile;\nmod run;','pub mod reconcile;\nmod replay;\nmod run;')
sub('operator/src/client.rs','''        let client = client.with_retries(Retries::NONE);
        Ok(Self { client })
    }
''','''        let client = client.with_retries(Retries::NONE);
        Ok(Self { client })
    }

    /// The client, for calls that have a type of their own.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
''')
p='operator/src/run.rs'
sub(p,'use spice_crds::{Branch, Database, Ontology};','use spice_crds::{Branch, Database, Ontology, ReplayJob};')
sub(p,'    publish::Published,\n','    publish::Published,\n    replay::drive_replays,\n')
sub(p,'''    let all_branches = watch_dependency''','''    let replays = async {
        // Clusters with older definitions have no replay jobs; the other kinds do not wait.
        let served = wait_until_served::<ReplayJob>(&client, config);
        if stop.run_until_cancelled(served).await.is_some() {
            let jobs = guarded::<ReplayJob>(&client, config);
            drive_replays(jobs, all_databases(), context.clone(), stop).await;
        }
    };
    let all_branches = watch_dependency''')
sub(p,'''        drive(of_ontologies, ontologies.claims, context),
    );''','''        drive(of_ontologies, ontologies.claims, context.clone()),
        replays,
    );''')
sub(p,'fn guarded<K: Kind>(client: &Client, config: &OperatorConfig) -> Api<Guarded<K>> {','fn guarded<K>(client: &Client, config: &OperatorConfig) -> Api<Guarded<K>>\nwhere\n    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,\n    Guarded<K>: Resource<DynamicType = (), Scope = NamespaceResourceScope>,\n{')
sub(p,'async fn wait_until_served<K: Kind>(client: &Client, config: &OperatorConfig) {','async fn wait_until_served<K>(client: &Client, config: &OperatorConfig)\nwhere\n    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,\n{')
sub(p,'tracing::warn!(kind = K::KIND, %error, "waiting until the kind is served");','let kind = K::kind(&());\n            tracing::warn!(%kind, %error, "waiting until the kind is served");')
sub(p,'    core::PartialObjectMeta,\n','    core::{NamespaceResourceScope, PartialObjectMeta},\n')
# watch: dependents for any kind
p='operator/src/watch.rs'
sub(p,'''pub(crate) fn dependents<K: Kind>(
    store: &Store<Guarded<K>>,
    namespace: Option<&str>,
    select: impl Fn(&K) -> bool,
) -> Vec<ObjectRef<Guarded<K>>> {''','''pub(crate) fn dependents<K>(
    store: &Store<Guarded<K>>,
    namespace: Option<&str>,
    select: impl Fn(&K) -> bool,
) -> Vec<ObjectRef<Guarded<K>>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{''')
s=open('operator/src/replay/run.rs').read().replace('dependents_of','dependents')
open('operator/src/replay/run.rs','w').write(s)
shutil.copy('/tmp/replayjob-op/e2e_replays.rs','e2e/tests/operator_front_door/replays.rs')
p='e2e/tests/operator_front_door.rs'
sub(p,'''#[path = "operator_front_door/refusals.rs"]
mod refusals;
''','''#[path = "operator_front_door/refusals.rs"]
mod refusals;
#[path = "operator_front_door/replays.rs"]
mod replays;
''')
sub(p,'''    step(
        "a_change_is_synced_at_its_generation",''','''    step(
        "a_replay_job_runs_once",
        replays::a_replay_job_runs_once(&cluster),
    )
    .await;
    step(
        "a_change_is_synced_at_its_generation",''')
shutil.copy('/tmp/replayjob-op/replays.md','docs/kubernetes/replays.md')
sub('CHANGELOG.md','''- `--metrics-listen` adds''','''- `ReplayJob` of `spiceharvester.dev/v1alpha1`: rebuilds the projections of a database once, with approval by annotation,
  suspension, and cancellation by deletion. [Rebuild projections with a ReplayJob](docs/kubernetes/replays.md).
- `--metrics-listen` adds''')
