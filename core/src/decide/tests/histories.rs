//! Random histories of branches, compared with a model that keeps whole maps.

mod model;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use self::{
    model::{Branch, Expected, Held, Item, Model, Shows},
    steps::{IDS, Step, step},
};
use super::{
    merge::{merge, merge_with, plan_action},
    *,
};
use crate::{command::Strategy as Deciding, decide::Plan};

const NAMES: [&str; 4] = ["main", "a", "b", "a/c"];
const STRATEGIES: [Deciding; 3] = [Deciding::Fail, Deciding::Ours, Deciding::Theirs];

/// A desk with its model.
#[derive(Clone)]
struct Pair {
    desk: Desk,
    model: Model,
    /// By branch and id: the last visible sequence, and the state.
    seen: BTreeMap<(&'static str, String), (Sequence, Option<Item>)>,
}

impl Pair {
    fn new() -> Self {
        let mut desk = Desk::new();
        desk.accept(create_database());
        let definition = json!({"id": "Item", "label": "Item", "properties": [
            {"name": "item_id", "type": "string", "primaryKey": true},
            {"name": "price", "type": "integer"},
            {"name": "note", "type": "json"},
            {"name": "code", "type": "string", "constraints": {"unique": true}},
        ]});
        desk.accept(Action::CreateClass {
            branch: branch("main"),
            definition: definition.into(),
        });
        let mut model = Model::default();
        let main = Branch {
            generation: 0,
            shows: Shows::new(),
            held: Held::new(),
        };
        model.branches.insert("main", main);
        model.note("main", desk.state.end().0 - 1);
        Self {
            desk,
            model,
            seen: BTreeMap::new(),
        }
    }

    fn last(&self) -> u64 {
        self.desk.state.end().0 - 1
    }

    fn name(&self, index: usize) -> &'static str {
        NAMES[index % self.model.branches.len()]
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Put(on, id, values) => self.put(self.name(on), &format!("i{id}"), values),
            Step::Delete(on, id) => self.delete(self.name(on), &format!("i{id}")),
            Step::Fork(from, past) => self.fork(self.name(from), past),
            Step::Merge(into, from, strategy) => {
                self.merge(self.name(into), self.name(from), STRATEGIES[strategy]);
            }
            Step::Rebase(which, onto, strategy) => {
                self.rebase(self.name(which), self.name(onto), STRATEGIES[strategy]);
            }
            Step::RollBack(on, back) => self.roll_back(self.name(on), back),
            Step::Reflect => self.desk.state.forget_reflected(self.desk.state.end()),
        }
        self.check();
    }

    fn put(&mut self, on: &'static str, id: &str, values: [Option<u8>; 3]) {
        let (expected, last) = (self.sequence(on, id), self.last());
        let shows = &self.model.branches[on].shows;
        let known = shows.get(id).cloned();
        let [price, note, code] = values;
        let mut after = known.clone().flatten().unwrap_or_default();
        after.insert("item_id".into(), format!("\"{id}\""));
        let texts = [
            ("price", price.map(|price| price.to_string())),
            // The same value in two notations.
            (
                "note",
                note.map(|note| {
                    if note == 0 {
                        r#"{"x":1,"y":[2]}"#
                    } else {
                        r#"{"y":[2],"x":1}"#
                    }
                    .to_owned()
                }),
            ),
            ("code", code.map(|code| format!("\"u{code}\""))),
        ];
        let mut data = serde_json::Map::new();
        data.insert("item_id".into(), json!(id));
        let raw = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (name, text) in &texts {
            let value = text.as_deref().map_or(Value::Null, raw);
            match text {
                Some(_) => drop(after.insert((*name).into(), canonical(&value))),
                None => drop(after.remove(*name)),
            }
            data.insert((*name).into(), value);
        }
        let code = after.get("code").cloned();
        let is_taken = code.is_some()
            && shows.iter().any(|(other, item)| {
                other != id && item.as_ref().and_then(|item| item.get("code").cloned()) == code
            });
        let refused = known == Some(None) || is_taken;
        let action = match known {
            Some(Some(_)) => change(
                on,
                json!({"type": "UPDATE_INSTANCE", "class": "Item",
                "id": id, "data": data, "expected_seq": expected}),
            ),
            _ => create(on, "Item", Value::Object(data)),
        };
        match self.desk.try_decide(action) {
            Err(refusal) => assert!(refused, "{refusal:?}"),
            Ok(envelopes) => {
                assert!(!refused, "{last}: {id} on {on} must be refused");
                self.apply(&envelopes);
                self.show(on, id, Some(after));
            }
        }
    }

    fn delete(&mut self, on: &'static str, id: &str) {
        if let Some(Some(_)) = self.model.branches[on].shows.get(id) {
            let expected = self.sequence(on, id);
            self.desk.accept(change(
                on,
                json!({"type": "DELETE_INSTANCE", "class": "Item",
                "id": id, "expected_seq": expected}),
            ));
            self.show(on, id, None);
        }
    }

    fn fork(&mut self, from: &'static str, past: Option<usize>) {
        let Some(name) = NAMES.get(self.model.branches.len()).copied() else {
            return;
        };
        let parent = self.model.branches[from].clone();
        let known = &self.model.past[&parent.generation];
        let at = past.map(|past| known[past % known.len()].0);
        let position = at.unwrap_or_else(|| self.last());
        let then = self.model.at(parent.generation, position).clone();
        let envelopes = self.desk.accept(fork(name, from, at));
        let generation = envelopes[1].position.0;
        let mut held = then.held.clone();
        held.insert(parent.generation, position);
        let shows = then.shows;
        let branch = Branch {
            generation,
            shows,
            held,
        };
        self.model.branches.insert(name, branch);
        self.model.note(name, self.last());
    }

    fn merge(&mut self, into: &'static str, from: &'static str, strategy: Deciding) {
        if into == from {
            let refusal = self.desk.refuse(merge(into, from));
            return assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        }
        let last = self.last();
        let expected = self.model.expect((from, into), last, strategy, false);
        let action = || merge_with(into, from, strategy, vec![]);
        let plan = plan_action(&mut self.desk, action());
        if !self.check_agreement(&expected, &plan, action()) {
            return;
        }
        let taken = self.model.find_held(from, last);
        let target = self.model.branches.get_mut(into).unwrap();
        target.shows = expected.shows;
        for (generation, position) in taken {
            let known = target.held.entry(generation).or_default();
            *known = position.max(*known);
        }
        self.model.note(into, self.last());
        let again = plan_action(&mut self.desk, merge(into, from));
        assert!(
            again.changes.is_empty() && again.conflicts.is_empty(),
            "twice is nothing"
        );
        let mut other = self.clone();
        // The way back may meet a unique value that only the other branch has.
        let back = (other.model).expect((into, from), other.last(), Deciding::Fail, false);
        let back = match other.desk.try_decide(merge(from, into)) {
            Ok(envelopes) if back.conflicts.is_empty() => envelopes,
            Err(refusal) if !back.conflicts.is_empty() => {
                return assert_eq!(refusal.code, ErrorCode::MergeConflict);
            }
            other => panic!("{other:?}, expected {:?}", back.conflicts),
        };
        other.apply(&back);
        for id in other.model.branches[into].shows.keys() {
            let states = [into, from].map(|name| other.state(name, id));
            let [ours, theirs] = states.map(|state| state.map(|(_, item)| item));
            let stays_deleted = theirs == Some(None);
            let was_never_there = theirs.is_none() && ours == Some(None);
            assert!(
                ours == theirs || stays_deleted || was_never_there,
                "{id} after both"
            );
        }
    }

    fn rebase(&mut self, which: &'static str, onto: &'static str, strategy: Deciding) {
        let action = || Action::RebaseBranch {
            branch: branch(which),
            onto: branch(onto),
            strategy,
            resolutions: vec![],
        };
        let ground = self.desk.state.live_branch(&branch(onto)).unwrap();
        let own = BranchGeneration(LogPosition(self.model.branches[which].generation));
        let stands_on_it = ground.lineage.down_from(own).is_some();
        if which == "main" || stands_on_it {
            let refusal = self.desk.refuse(action());
            let code = if which == "main" {
                ErrorCode::Forbidden
            } else {
                ErrorCode::InvalidRequest
            };
            return assert_eq!(refusal.code, code);
        }
        let last = self.last();
        let expected = self.model.expect((which, onto), last, strategy, true);
        let plan = plan_action(&mut self.desk, action());
        if !self.check_agreement(&expected, &plan, action()) {
            return;
        }
        let (mut held, before) = (
            self.model.find_held(onto, last),
            self.model.find_held(which, last),
        );
        for (generation, position) in before {
            let known = held.entry(generation).or_default();
            *known = position.max(*known);
        }
        let name = branch(which);
        let generation = self.desk.state.live_branch(&name).unwrap().generation.0.0;
        let rebased = Branch {
            generation,
            shows: expected.shows,
            held,
        };
        self.model.branches.insert(which, rebased);
        self.model.note(which, self.last());
    }

    fn roll_back(&mut self, on: &'static str, back: usize) {
        let now = self.model.branches[on].clone();
        let past = &self.model.past[&now.generation];
        let position = past[back % past.len()].0;
        let then = self.model.at(now.generation, position).shows.clone();
        let mut expected = Expected::default();
        for (id, item) in &now.shows {
            let old = then.get(id).cloned().flatten();
            if item.is_none() && old.is_some() {
                expected.stay_deleted.insert(id.clone());
            }
            let item = item.as_ref().and(old);
            expected.shows.insert(id.clone(), item);
        }
        expected.unique(&now.shows);
        let action = || Action::RollbackBranch {
            branch: branch(on),
            to_position: LogPosition(position),
        };
        let plan = plan_action(&mut self.desk, action());
        if self.check_agreement(&expected, &plan, action()) {
            self.model.branches.get_mut(on).unwrap().shows = expected.shows;
            self.model.note(on, self.last());
        }
    }

    /// Whether the plan and then the decision are as expected; false if both refuse.
    fn check_agreement(&mut self, expected: &Expected, plan: &Plan, action: Action) -> bool {
        let id = |aggregate: &crate::id::AggregateId| match aggregate {
            crate::id::AggregateId::Instance(_, _, _, id) => id.to_string(),
            other => panic!("{other} is not in question"),
        };
        let found: BTreeSet<_> = (plan.conflicts.iter())
            .map(|conflict| (id(&conflict.aggregate), conflict.property.clone()))
            .collect();
        assert_eq!(found, expected.conflicts);
        let stay: BTreeSet<_> = plan.stay_deleted.iter().map(id).collect();
        assert_eq!(stay, expected.stay_deleted);
        match self.desk.try_decide(action) {
            Ok(envelopes) => {
                assert!(found.is_empty());
                self.apply(&envelopes);
                true
            }
            Err(refusal) => {
                assert_eq!(refusal.code, ErrorCode::MergeConflict);
                assert!(!found.is_empty());
                false
            }
        }
    }

    fn apply(&mut self, envelopes: &[Envelope]) {
        for envelope in envelopes {
            assert_eq!(envelope.position, self.desk.state.end());
            self.desk.apply(envelope);
        }
    }

    fn show(&mut self, on: &'static str, id: &str, item: Option<Item>) {
        let branch = self.model.branches.get_mut(on).unwrap();
        branch.shows.insert(id.to_owned(), item);
        self.model.note(on, self.last());
    }

    fn state(&self, on: &str, id: &str) -> Option<(Sequence, Option<Item>)> {
        state(&self.desk, on, id)
    }

    fn sequence(&self, on: &str, id: &str) -> u64 {
        self.state(on, id).map_or(0, |(sequence, _)| sequence.0)
    }

    /// Every branch shows what the model has; no sequence goes back, and nothing resurrects.
    fn check(&mut self) {
        for (name, branch) in &self.model.branches {
            for id in (0..IDS).map(|id| format!("i{id}")) {
                let found = state(&self.desk, name, &id);
                let item = found.as_ref().map(|(_, item)| item.clone());
                assert_eq!(item.as_ref(), branch.shows.get(&id), "{id} on {name}");
                let sequence = found.map_or(Sequence(0), |(sequence, _)| sequence);
                let seen = (sequence, item.clone().flatten());
                let Some((before, old)) = self.seen.insert((name, id.clone()), seen) else {
                    continue;
                };
                let is_same = Some(&old) == item.as_ref() || sequence == Sequence(0);
                assert!(
                    sequence > before || (sequence == before && is_same),
                    "{id} on {name}"
                );
                let was_deleted = before > Sequence(0) && old.is_none();
                let lives_again = was_deleted && item.flatten().is_some();
                assert!(!lives_again, "{id} on {name} lives again");
            }
        }
    }
}

fn state(desk: &Desk, on: &str, id: &str) -> Option<(Sequence, Option<Item>)> {
    let key = ModelKey::instance(&"Item".parse().unwrap(), &id.parse().unwrap());
    let state = desk.show(on, &key)?;
    let item = state.data.map(|data| {
        let fields: BTreeMap<String, Value> = data.read().unwrap();
        fields
            .into_iter()
            .map(|(name, value)| (name, canonical(&value)))
            .collect()
    });
    Some((state.sequence, item))
}

/// One text for all equal values.
fn canonical(value: &Value) -> String {
    match value.as_object() {
        Some(fields) => json!(fields.iter().collect::<BTreeMap<_, _>>()).to_string(),
        None => value.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn branch_operations_match_a_model_of_whole_maps(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.take(step);
        }
        let mut replayed = Desk::new();
        for envelope in pair.desk.log.clone() {
            replayed.apply(&envelope);
        }
        for name in pair.model.branches.keys() {
            for id in (0..IDS).map(|id| format!("i{id}")) {
                prop_assert_eq!(state(&replayed, name, &id), pair.state(name, &id));
            }
            let (one, other) = (replayed.state.branch(&branch(name)), pair.desk.state.branch(&branch(name)));
            prop_assert_eq!(one, other);
        }
    }
}
