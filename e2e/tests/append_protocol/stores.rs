//! What happens in the stores: PUTs land, the registry advances, the log is cut.

use crate::{
    model::{Cut, Guard, Protocol},
    world::{Mark, Position, Put, Registry, View, World, Writer, below},
};

impl Protocol {
    /// A store without the guard for the tail looks only for a segment of that name.
    pub(crate) fn land(&self, world: &mut World, put: Put) {
        world.puts.remove(&put);
        let (end, first) = (world.end(), put.after.at);
        let is_free = first >= end || !self.has(Guard::CompareAndSet);
        let has_tail = (first <= end && put.after.lost == 0) || !self.has(Guard::SameTail);
        if is_free && has_tail {
            world.log.insert(first, put.batch);
        }
    }

    pub(crate) fn finish_advance(&self, world: &mut World, from: Position, to: View) {
        world.advances.remove(&(from, to));
        let registry = &mut world.registry;
        if registry.view.at == from || !self.has(Guard::RegistryPosition) {
            registry.view.at = to.at;
            registry.view.lost = registry.view.lost.max(to.lost);
            registry.holds |= below(to.at) & !below(from);
        }
    }

    /// The write model is lost, and the marks with it.
    pub(crate) fn wipe(&self, world: &mut World) {
        world.registry = Registry::default();
        world.wipes -= 1;
        world.left_mark = false;
        world.is_sweep_due = self.marks && self.has(Guard::Sweep);
        for process in &mut world.processes {
            if process.mark == Mark::Set {
                process.mark = Mark::Lost;
            }
        }
    }

    /// A process that has read a lost position has read another log from now on.
    pub(crate) fn cut(&self, world: &mut World, end: Position) {
        world.lost = world.log.split_off(&end);
        world.cuts -= 1;
        let lose = |view: &mut View| {
            if view.at > end {
                view.lost = view.at;
            }
        };
        lose(&mut world.sink);
        lose(&mut world.registry.view);
        for process in &mut world.processes {
            if let Writer::Up { view, .. } = &mut process.writer {
                lose(view);
            }
        }
        if self.cut == Some(Cut::Restore) {
            world.set_aside = Some(std::mem::take(&mut world.registry));
        }
    }
}

/// A process reads the log into the registry, up to its end.
pub(crate) fn sweep(world: &mut World) {
    let end = world.end();
    world.registry = Registry {
        view: View { at: end, lost: 0 },
        holds: below(end),
    };
    world.is_sweep_due = false;
}

/// A sink applies the log that it has seen, and no other.
pub(crate) fn project(world: &mut World) {
    if world.is_prefix(world.sink) {
        world.sink = world.sink.up_to(world.end());
    }
}
