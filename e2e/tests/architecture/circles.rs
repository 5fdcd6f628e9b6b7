//! Finds circles of files inside a crate. A file uses the files whose items it names. Declaring a
//! child module or re-exporting its names does not count as a use, so a parent that only wires is
//! in no circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::modules::{Module, ModulePath, Segments};

type Modules = BTreeMap<ModulePath, Module>;

/// Each file, and the files that it uses.
pub(crate) type Uses = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// The target of a path.
#[derive(Clone)]
struct Place {
    module: ModulePath,
    /// Whether it is the module itself, not an item in it.
    is_module: bool,
}

/// The uses between the files of a crate.
pub(crate) fn find_uses(modules: &Modules) -> Uses {
    let mut found = Uses::new();
    for (path, module) in modules {
        let from = found.entry(module.file.clone()).or_default();
        let passed_on = module
            .exports
            .intersection(&module.words)
            .filter_map(|name| module.bindings.get(name));
        let named = module.uses.iter().chain(passed_on);
        let named = named
            .filter_map(|segments| resolve(modules, path, segments, 0))
            .filter(|place| !place.is_module);
        let wildcards = module
            .wildcards
            .iter()
            .filter_map(|segments| resolve(modules, path, segments, 0));
        let files = named
            .chain(wildcards)
            .map(|place| &modules[&place.module].file);
        from.extend(files.filter(|to| **to != module.file).cloned());
    }
    found
}

/// Follows a path from a module; none if it leads out of the crate.
fn resolve(modules: &Modules, from: &ModulePath, segments: &Segments, hops: u8) -> Option<Place> {
    let mut at = Place {
        module: from.clone(),
        is_module: true,
    };
    for (index, segment) in segments.iter().enumerate() {
        if !at.is_module || hops > 16 {
            break;
        }
        match segment.as_str() {
            "crate" if index == 0 => at.module.clear(),
            "self" if index == 0 => {}
            "super" => {
                at.module.pop()?;
            }
            name => at = step(modules, &at.module, name, index == 0, hops)?,
        }
    }
    Some(at)
}

/// The meaning of a name in a module.
fn step(
    modules: &Modules,
    module: &ModulePath,
    name: &str,
    is_first: bool,
    hops: u8,
) -> Option<Place> {
    let here = modules.get(module)?;
    if here.children.contains(name) {
        let mut child = module.clone();
        child.push(name.to_owned());
        return modules.contains_key(&child).then_some(Place {
            module: child,
            is_module: true,
        });
    }
    if let Some(bound) = here.bindings.get(name) {
        return resolve(modules, module, bound, hops + 1);
    }
    if !here.items.contains(name) {
        for glob in &here.globs {
            let Some(source) = resolve(modules, module, glob, hops + 1) else {
                continue;
            };
            if source.is_module && modules[&source.module].items.contains(name) {
                return step(modules, &source.module, name, false, hops + 1);
            }
        }
        if is_first {
            return None;
        }
    }
    Some(Place {
        module: module.clone(),
        is_module: false,
    })
}

/// Every set of files that use each other in a circle.
pub(crate) fn circles(uses: &Uses) -> Vec<BTreeSet<PathBuf>> {
    let reach: BTreeMap<&PathBuf, BTreeSet<&PathBuf>> = uses
        .keys()
        .map(|file| (file, reachable(uses, file)))
        .collect();
    let mut found: Vec<BTreeSet<PathBuf>> = Vec::new();
    for (file, reached) in &reach {
        let is_known = found.iter().any(|circle| circle.contains(*file));
        if is_known || !reached.contains(file) {
            continue;
        }
        let back = reached.iter().filter(|other| reach[*other].contains(file));
        found.push(back.map(|other| (*other).clone()).collect());
    }
    found
}

fn reachable<'a>(uses: &'a Uses, start: &PathBuf) -> BTreeSet<&'a PathBuf> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&PathBuf> = uses[start].iter().collect();
    while let Some(file) = open.pop() {
        if found.insert(file) {
            open.extend(&uses[file]);
        }
    }
    found
}

mod tests {
    use super::{super::modules::modules_of, circles, find_uses};

    fn files(texts: &[(&str, &str)]) -> Vec<Vec<String>> {
        circles(&find_uses(&modules_of(texts)))
            .into_iter()
            .map(|circle| {
                circle
                    .into_iter()
                    .map(|file| file.display().to_string())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn a_parent_that_only_wires_is_in_no_circle() {
        let parent = "mod a; mod b; pub use a::A; pub(crate) use self::b::{B as C, make};";
        let a = "use super::C; pub struct A; fn f() { crate::make(\"crate::A\") } // crate::A";
        let b = "pub struct B; pub fn make() {} #[cfg(test)] mod tests { use super::super::A; }";
        assert!(files(&[("crate", parent), ("crate::a", a), ("crate::b", b)]).is_empty());
    }

    #[test]
    fn a_child_that_uses_its_user_forms_a_circle() {
        let parent = "mod a; pub struct P; impl P { fn f() { a::run() } }";
        let circle = [vec!["crate".to_owned(), "crate::a".to_owned()]];
        let a = "use super::P; pub fn run() {}";
        assert_eq!(files(&[("crate", parent), ("crate::a", a)]), circle);
        let a = "pub fn run() { let _: Option<super::P> = None; }";
        assert_eq!(files(&[("crate", parent), ("crate::a", a)]), circle);
        let parent = "mod a; pub use a::run; pub struct P; fn g() { run() }";
        assert_eq!(files(&[("crate", parent), ("crate::a", a)]), circle);
    }

    #[test]
    fn names_are_followed_through_modules_and_re_exports() {
        let root = "mod a; mod b; pub mod c { pub use crate::a::*; }";
        let a = "use crate::b; pub struct A; fn f() { b::g() }";
        let b = "use crate::c; pub fn g(_: c::A) {}";
        let expected = [vec!["crate::a".to_owned(), "crate::b".to_owned()]];
        assert_eq!(
            files(&[("crate", root), ("crate::a", a), ("crate::b", b)]),
            expected
        );
        let b = "use crate::c; pub fn g() {}";
        assert!(files(&[("crate", root), ("crate::a", a), ("crate::b", b)]).is_empty());
    }
}
