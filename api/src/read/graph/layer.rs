//! The nodes of a walk, layer by layer.

use std::collections::HashMap;

use spice_core::{id::InstanceRef, port::graph::Version};

/// A node of one layer: its place and its version; a tombstone has no data.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    pub(crate) at: InstanceRef,
    pub(crate) version: Version,
}

/// The nodes that are `n` hops away from a batch of start nodes, each once, with the nodes of the
/// next layer that each leads to.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) nodes: Vec<Reached>,
    pub(crate) next: Vec<Vec<usize>>,
    pub(super) index: HashMap<InstanceRef, usize>,
    /// Whether nodes were left out, because the layer is full.
    pub(super) is_cut: bool,
}

impl Layer {
    pub(super) fn put(&mut self, at: InstanceRef, version: Version) -> usize {
        let position = self.nodes.len();
        self.index.insert(at.clone(), position);
        self.nodes.push(Reached { at, version });
        self.next.push(Vec::new());
        position
    }

    pub(super) fn references(&self) -> Vec<InstanceRef> {
        self.nodes.iter().map(|node| node.at.clone()).collect()
    }
}
