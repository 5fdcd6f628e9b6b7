//! Determines which rows to leave out if rows exclude each other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{references::Dangling, scope::Collision};
use crate::model::ModelKey;

/// The rows to leave out before the others are decided again. None: leaving out a row helps no
/// other row, so all dangling rows are left out.
///
/// A row stays if its target was refused because of a row that is left out itself, because the
/// target may be accepted then. If rows exclude each other in a cycle, the last of them is left
/// out.
pub(super) fn choose_omitted(
    dangling: &BTreeMap<usize, Dangling>,
    collisions: &[Collision],
) -> Option<BTreeSet<usize>> {
    let circle = Circle::new(dangling, collisions);
    if circle.refused.is_empty() {
        return None;
    }
    let hopeless = circle.find_hopeless();
    if hopeless.is_empty() {
        return circle.find_last().map(|number| [number].into());
    }
    Some(hopeless)
}

struct Circle<'a> {
    dangling: &'a BTreeMap<usize, Dangling>,
    /// The dangling rows, by instance.
    numbers: HashMap<&'a ModelKey, usize>,
    /// The instances that can be accepted if others are left out: for each of their rows, those
    /// others.
    refused: HashMap<&'a ModelKey, Vec<&'a [ModelKey]>>,
}

impl<'a> Circle<'a> {
    fn new(dangling: &'a BTreeMap<usize, Dangling>, collisions: &'a [Collision]) -> Self {
        let numbers: HashMap<_, _> = (dangling.iter())
            .map(|(number, row)| (&row.key, *number))
            .collect();
        let mut refused: HashMap<_, Vec<_>> = HashMap::new();
        for collision in collisions {
            if collision.with.iter().all(|it| numbers.contains_key(it)) {
                let rows = refused.entry(&collision.instance).or_default();
                rows.push(collision.with.as_slice());
            }
        }
        Self {
            dangling,
            numbers,
            refused,
        }
    }

    /// The rows whose targets cannot exist, whatever else is left out.
    fn find_hopeless(&self) -> BTreeSet<usize> {
        let mut hopeless = BTreeSet::new();
        loop {
            let more: Vec<usize> = (self.dangling.iter())
                .filter(|(number, row)| {
                    !hopeless.contains(*number)
                        && row.targets.iter().any(|target| {
                            let number = self.numbers.get(target);
                            let may_stay = number.is_some_and(|it| !hopeless.contains(it));
                            !may_stay && !self.refused.contains_key(target)
                        })
                })
                .map(|(number, _)| *number)
                .collect();
            if more.is_empty() {
                return hopeless;
            }
            hopeless.extend(more);
        }
    }

    /// The last row of a cycle in which each row excludes what the previous one needs.
    fn find_last(&self) -> Option<usize> {
        // Follow from a row to one that excludes what it needs, until a row repeats.
        let mut met: Vec<usize> = Vec::new();
        let mut number = *self.dangling.keys().next()?;
        loop {
            number = self.find_obstacle(number)?;
            if let Some(start) = met.iter().position(|it| *it == number) {
                return met[start..].iter().max().copied();
            }
            met.push(number);
        }
    }

    /// A row that excludes what a row needs.
    fn find_obstacle(&self, number: usize) -> Option<usize> {
        let mut number = number;
        // The first target leads to what is not in the command.
        for _ in 0..=self.dangling.len() {
            let target = self.dangling.get(&number)?.targets.first()?;
            if let Some(with) = self.refused.get(target).and_then(|rows| rows.first()) {
                return self.numbers.get(with.first()?).copied();
            }
            number = *self.numbers.get(target)?;
        }
        None
    }
}
