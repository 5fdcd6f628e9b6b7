//! The model: complete maps of what each branch showed at every position, and what it contains.

use std::collections::{BTreeMap, BTreeSet};

use crate::command::Strategy as Deciding;

pub(super) type Item = BTreeMap<String, String>;
/// What a branch shows; tombstones are left out.
pub(super) type Shows = BTreeMap<String, Option<Item>>;
/// Generations, each with the last contained position.
pub(super) type Held = BTreeMap<u64, u64>;

#[derive(Clone)]
pub(super) struct Branch {
    pub(super) generation: u64,
    pub(super) shows: Shows,
    pub(super) held: Held,
}

#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) branches: BTreeMap<&'static str, Branch>,
    pub(super) past: BTreeMap<u64, Vec<(u64, Branch)>>,
}

/// The expected result of a merge.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) shows: Shows,
    pub(super) conflicts: BTreeSet<(String, Option<String>)>,
    pub(super) stay_deleted: BTreeSet<String>,
}

impl Model {
    pub(super) fn note(&mut self, name: &str, position: u64) {
        let branch = self.branches[name].clone();
        let past = self.past.entry(branch.generation).or_default();
        past.push((position, branch));
    }

    pub(super) fn at(&self, generation: u64, position: u64) -> &Branch {
        let past = self.past[&generation].iter().rev();
        &past.clone().find(|(at, _)| *at <= position).unwrap().1
    }

    pub(super) fn find_held(&self, name: &str, last: u64) -> Held {
        let branch = &self.branches[name];
        let mut held = branch.held.clone();
        held.insert(branch.generation, last);
        held
    }

    fn base(&self, one: &str, other: &str, last: u64) -> Shows {
        let (one, other) = (self.find_held(one, last), self.find_held(other, last));
        let common = one.iter().filter_map(|(generation, position)| {
            let known = other.get(generation)?;
            Some((*position.min(known), *generation))
        });
        let (position, generation) = common.max().unwrap();
        self.at(generation, position).shows.clone()
    }

    pub(super) fn expect(
        &self,
        (source, target): (&str, &str),
        last: u64,
        strategy: Deciding,
        is_rebase: bool,
    ) -> Expected {
        let base = self.base(source, target, last);
        let (source, target) = (&self.branches[source].shows, &self.branches[target].shows);
        let mut expected = Expected {
            shows: target.clone(),
            ..Expected::default()
        };
        for (id, theirs) in source {
            let (known, ours) = (base.get(id), target.get(id));
            let changed = known != Some(theirs);
            match (theirs, ours) {
                (_, None) if is_rebase => drop(expected.shows.insert(id.clone(), theirs.clone())),
                (Some(_), None) if changed => {
                    expected.shows.insert(id.clone(), theirs.clone());
                }
                (Some(_), Some(None)) if changed => {
                    if known != Some(&None) && strategy == Deciding::Fail {
                        expected.conflicts.insert((id.clone(), None));
                    } else {
                        expected.stay_deleted.insert(id.clone());
                    }
                }
                (None, Some(Some(_))) if changed || is_rebase => {
                    let is_open = changed && known != ours;
                    match strategy {
                        Deciding::Fail if is_open => {
                            expected.conflicts.insert((id.clone(), None));
                            continue;
                        }
                        Deciding::Ours if is_open && !is_rebase => continue,
                        Deciding::Ours if is_open => {
                            expected.stay_deleted.insert(id.clone());
                        }
                        _ if !changed => {
                            expected.stay_deleted.insert(id.clone());
                        }
                        _ => {}
                    }
                    expected.shows.insert(id.clone(), None);
                }
                (Some(theirs), Some(Some(ours))) => {
                    let known = known.cloned().flatten().unwrap_or_default();
                    let merged = expected.merge_live(id, [&known, theirs, ours], strategy);
                    expected.shows.insert(id.clone(), Some(merged));
                }
                _ => {}
            }
        }
        expected.unique(target);
        expected
    }
}

impl Expected {
    fn merge_live(&mut self, id: &str, [known, theirs, ours]: [&Item; 3], with: Deciding) -> Item {
        let mut merged = Item::new();
        let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
        for name in names {
            let (base, their, our) = (known.get(name), theirs.get(name), ours.get(name));
            let taken = if their == base {
                our
            } else if our == base || our == their {
                their
            } else {
                match with {
                    Deciding::Fail => {
                        self.conflicts.insert((id.to_owned(), Some(name.clone())));
                        our
                    }
                    Deciding::Ours => our,
                    Deciding::Theirs => their,
                }
            };
            if let Some(value) = taken {
                merged.insert(name.clone(), value.clone());
            }
        }
        merged
    }

    /// A changed item must not have the code of another.
    pub(super) fn unique(&mut self, before: &Shows) {
        let code = |item: &Option<Item>| item.as_ref().and_then(|item| item.get("code").cloned());
        for (id, item) in &self.shows {
            let (Some(own), false) = (code(item), before.get(id) == Some(item)) else {
                continue;
            };
            let mut others = self.shows.iter().filter(|(other, _)| *other != id);
            if others.any(|(_, other)| code(other).as_ref() == Some(&own)) {
                self.conflicts.insert((id.clone(), Some("code".into())));
            }
        }
    }
}
