//! Parses the modules of a crate: the names that each declares and imports, and the paths that it
//! uses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::tokens::{Token, tokens};

/// The names from the root of the crate to a module.
pub(crate) type ModulePath = Vec<String>;

/// The segments of a path as it is written.
pub(crate) type Segments = Vec<String>;

/// One module, in a file of its own or inside another.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    pub(crate) children: BTreeSet<String>,
    /// Names that a `use` binds, with their targets.
    pub(crate) bindings: BTreeMap<String, Segments>,
    /// Modules whose names are all imported or re-exported.
    pub(crate) globs: Vec<Segments>,
    /// Those of them that are not re-exported.
    pub(crate) wildcards: Vec<Segments>,
    /// Items declared here.
    pub(crate) items: BTreeSet<String>,
    /// Names that are re-exported, which does not count as a use.
    pub(crate) exports: BTreeSet<String>,
    /// Every path in the code, and every import that is not re-exported.
    pub(crate) uses: Vec<Segments>,
    /// Every word in the code.
    pub(crate) words: BTreeSet<String>,
}

/// Every module below a root file, without those compiled only for tests.
pub(crate) fn modules(root: &Path) -> BTreeMap<ModulePath, Module> {
    let mut found = BTreeMap::new();
    let folder = root.parent().unwrap().to_owned();
    let mut open = vec![(Vec::new(), root.to_owned(), folder)];
    while let Some((path, file, folder)) = open.pop() {
        let text =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let tokens = tokens(&text);
        let mut reader = Reader::new(&tokens, path.clone(), &file);
        reader.read();
        for (child, inside) in reader.files {
            let below = inside.iter().fold(folder.clone(), |at, name| at.join(name));
            let own = below.join(&child);
            let beside = own.with_extension("rs");
            let file = if beside.exists() {
                beside
            } else {
                own.join("mod.rs")
            };
            let mut path = path.clone();
            path.extend(inside);
            path.push(child);
            open.push((path, file, own));
        }
        found.extend(reader.found);
    }
    found
}

/// The modules of one text, as if it were a whole crate.
pub(crate) fn modules_of(texts: &[(&str, &str)]) -> BTreeMap<ModulePath, Module> {
    let mut found = BTreeMap::new();
    for (path, text) in texts {
        let module: ModulePath = path.split("::").skip(1).map(str::to_owned).collect();
        let tokens = tokens(text);
        let mut reader = Reader::new(&tokens, module, Path::new(path));
        reader.read();
        found.extend(reader.found);
    }
    found
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    /// The current module, and the brace depth at which each of its parents continues.
    path: ModulePath,
    parents: Vec<usize>,
    file: PathBuf,
    start: usize,
    found: BTreeMap<ModulePath, Module>,
    /// Children in separate files, with the modules of this file that contain them.
    files: Vec<(String, ModulePath)>,
}

impl<'a> Reader<'a> {
    fn new(tokens: &'a [Token], path: ModulePath, file: &Path) -> Self {
        let start = path.len();
        let mut reader = Self {
            tokens,
            at: 0,
            depth: 0,
            path,
            parents: Vec::new(),
            file: file.to_owned(),
            start,
            found: BTreeMap::new(),
            files: Vec::new(),
        };
        reader.module();
        reader
    }

    fn module(&mut self) -> &mut Module {
        let file = self.file.clone();
        let module = self.found.entry(self.path.clone()).or_default();
        module.file = file;
        module
    }

    fn peek(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead)
    }

    fn word(&self, ahead: usize) -> Option<&'a str> {
        self.peek(ahead).and_then(Token::word)
    }

    fn is_mark(&self, ahead: usize, mark: char) -> bool {
        self.peek(ahead).is_some_and(|token| token.is(mark))
    }

    fn read(&mut self) {
        while let Some(token) = self.peek(0) {
            match token {
                Token::Mark('#') if self.is_test_only() => self.skip_item(),
                Token::Mark('{') => self.step(1, 0),
                Token::Mark('}') => self.step(0, 1),
                Token::Word(word) => self.read_word(word),
                _ => self.at += 1,
            }
        }
    }

    fn step(&mut self, opened: usize, closed: usize) {
        self.at += 1;
        self.depth = (self.depth + opened).saturating_sub(closed);
        if closed > 0 && self.parents.last() == Some(&self.depth) {
            self.parents.pop();
            self.path.pop();
        }
    }

    fn read_word(&mut self, word: &str) {
        match word {
            "use" => self.read_use(),
            "mod" if self.word(1).is_some() => self.read_module(),
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union"
                if self.word(1).is_some() =>
            {
                let name = self.word(1).unwrap_or_default().to_owned();
                self.module().items.insert(name);
                self.at += 2;
            }
            _ => self.read_path(),
        }
    }

    fn read_module(&mut self) {
        let name = self.word(1).unwrap_or_default().to_owned();
        let is_inline = self.is_mark(2, '{');
        self.module().children.insert(name.clone());
        self.at += 2;
        if is_inline {
            self.parents.push(self.depth);
            self.path.push(name);
            self.module();
            self.step(1, 0);
        } else {
            let inside = self.path[self.start..].to_vec();
            self.files.push((name, inside));
        }
    }

    fn read_path(&mut self) {
        let is_first = self.at == 0
            || !matches!(
                self.tokens[self.at - 1],
                Token::Path | Token::Mark('.' | '$')
            );
        let mut segments = Vec::new();
        while let Some(word) = self.word(0) {
            segments.push(word.to_owned());
            self.at += 1;
            if self.peek(0) != Some(&Token::Path) || self.word(1).is_none() {
                break;
            }
            self.at += 1;
        }
        if is_first {
            self.module().words.insert(segments[0].clone());
            if segments.len() > 1 {
                self.module().uses.push(segments);
            }
        }
    }

    fn read_use(&mut self) {
        let is_passed_on = self.at > 0
            && (self.tokens[self.at - 1].word() == Some("pub") || self.tokens[self.at - 1].is(')'));
        self.at += 1;
        if self.peek(0) == Some(&Token::Path) {
            self.at += 1;
        }
        let mut leaves = Vec::new();
        self.read_tree(&Vec::new(), &mut leaves);
        let module = self.module();
        for (segments, name) in leaves {
            match (name.as_str(), is_passed_on) {
                ("*", true) => module.globs.push(segments),
                ("*", false) => {
                    module.globs.push(segments.clone());
                    module.wildcards.push(segments);
                }
                (_, true) => {
                    module.bindings.insert(name.clone(), segments);
                    module.exports.insert(name);
                }
                (_, false) => {
                    module.bindings.insert(name, segments.clone());
                    module.uses.push(segments);
                }
            }
        }
    }

    /// One tree of a `use`: each of its leaves with the name that it binds.
    fn read_tree(&mut self, before: &Segments, leaves: &mut Vec<(Segments, String)>) {
        let mut segments = before.clone();
        loop {
            if self.is_mark(0, '{') {
                self.at += 1;
                while !self.is_mark(0, '}') && self.peek(0).is_some() {
                    self.read_tree(&segments, leaves);
                    if self.is_mark(0, ',') {
                        self.at += 1;
                    }
                }
                self.at += 1;
                return;
            }
            if self.is_mark(0, '*') {
                self.at += 1;
                leaves.push((segments, "*".to_owned()));
                return;
            }
            let Some(word) = self.word(0) else { break };
            self.at += 1;
            if word == "self" && !segments.is_empty() {
                break;
            }
            segments.push(word.to_owned());
            if self.peek(0) != Some(&Token::Path) {
                break;
            }
            self.at += 1;
        }
        let mut name = segments.last().cloned().unwrap_or_default();
        if self.word(0) == Some("as") {
            self.word(1).unwrap_or_default().clone_into(&mut name);
            self.at += 2;
        }
        leaves.push((segments, name));
    }

    fn is_test_only(&self) -> bool {
        let ahead: Vec<&str> = (1..8)
            .filter_map(|ahead| self.peek(ahead))
            .map(|token| token.word().unwrap_or(""))
            .collect();
        self.is_mark(1, '[')
            && ahead.get(1..4) == Some(&["cfg", "", "test"])
            && self.is_mark(5, ')')
    }

    /// Skips an attribute and its item.
    fn skip_item(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek(0) {
            self.at += 1;
            match token {
                Token::Mark('{' | '(' | '[') => depth += 1,
                Token::Mark(mark @ ('}' | ')' | ']')) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 && *mark == '}' {
                        return;
                    }
                }
                Token::Mark(';') if depth == 0 => return,
                _ => {}
            }
        }
    }
}
