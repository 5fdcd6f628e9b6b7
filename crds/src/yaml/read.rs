//! Parses a stream of documents. Detects duplicate keys at any depth, expands merge keys and
//! aliases within a limit, and gives each problem its place.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag, options};

use super::{Document, Entry, Mark, Node, Problem, Tree, scalar};

/// The maximum number of values that all aliases of a stream expand to ("billion laughs").
const MOST_BY_ALIAS: usize = 100_000;

/// The maximum nesting of lists and objects in a document.
const DEEPEST: usize = 100;

/// The maximum length of a key in characters, including blanks. JSON has no limit; that of YAML is
/// 1,024.
const LONGEST_KEY: usize = 20_000;

/// Reads every document of a stream. After a broken document it continues with the next.
pub fn read(text: &str) -> Vec<Document> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        simple_key_max_lookahead: LONGEST_KEY,
    };
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        problems: Vec::new(),
        by_alias: 0,
        depth: 0,
    };
    let mut documents = Vec::new();
    while let Some(document) = reader.document() {
        documents.push(document);
    }
    documents
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// The anchored values, with the number of values in each.
    anchors: HashMap<usize, (Node, usize)>,
    /// The problems of the current document.
    problems: Vec<Problem>,
    by_alias: usize,
    depth: usize,
}

/// The document cannot be read any further; the problem is recorded.
struct Broken;

type Read<T> = Result<T, Broken>;

/// A key of an object.
enum Key {
    Name(String),
    /// `<<`
    Merge,
    /// A key that was refused; the problem is recorded.
    None,
}

fn mark(span: &Span) -> Mark {
    Mark {
        line: span.start.line(),
        column: span.start.col() + 1,
    }
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Option<Document> {
        self.anchors.clear();
        self.depth = 0;
        let root = loop {
            match self.parser.next_event() {
                None | Some(Ok((Event::StreamEnd, _))) => return None,
                Some(Ok((Event::DocumentStart(..), _))) => break self.root(),
                Some(Ok(_)) => {}
                Some(Err(error)) => break Err(self.broken(&error)),
            }
        };
        let problems = std::mem::take(&mut self.problems);
        if root.is_err() && !matches!(self.parser.proceed_next_document(), Ok(true)) {
            self.parser = Parser::new_from_str("");
        }
        Some(Document {
            root: root.ok(),
            problems,
        })
    }

    fn root(&mut self) -> Read<Node> {
        let (event, span) = self.next()?;
        let root = self.node(event, &span)?;
        match self.next()? {
            (Event::DocumentEnd, _) => Ok(root),
            (_, span) => Err(self.stop(
                mark(&span),
                "unexpected content; expected the end of the document".to_owned(),
            )),
        }
    }

    fn next(&mut self) -> Read<(Event<'t>, Span)> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.broken(&error)),
            None => Err(self.stop(Mark::default(), "the document ends unexpectedly".to_owned())),
        }
    }

    fn broken(&mut self, error: &granit_parser::ScanError) -> Broken {
        let at = Mark {
            line: error.marker().line(),
            column: error.marker().col() + 1,
        };
        self.stop(at, format!("invalid YAML: {}", error.info()))
    }

    fn stop(&mut self, at: Mark, sentence: String) -> Broken {
        self.note(at, sentence);
        Broken
    }

    fn note(&mut self, at: Mark, sentence: String) {
        self.problems.push(Problem { at, sentence });
    }

    fn node(&mut self, event: Event<'t>, span: &Span) -> Read<Node> {
        let at = mark(span);
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tree = self.scalar(&text, style, tag.as_deref(), at);
                (Node { at, tree }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", at);
                (self.list(at)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", at);
                (self.object(at)?, anchor)
            }
            Event::Alias(id) => (self.alias(id, at)?, 0),
            Event::UnresolvedAlias(name) => {
                self.note(
                    at,
                    format!("unknown alias *{name}: no value before it has the anchor &{name}"),
                );
                (
                    Node {
                        at,
                        tree: Tree::Null,
                    },
                    0,
                )
            }
            _ => return Err(self.stop(at, "expected a value".to_owned())),
        };
        if anchor != 0 {
            let size = size(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, at: Mark) -> Tree {
        let is_plain = style == ScalarStyle::Plain;
        let read = match tag.map(|tag| (tag.core_suffix(), tag)) {
            None if is_plain => scalar::plain(text),
            None | Some((Some("str"), _)) => Ok(Tree::Text(text.to_owned())),
            Some((None, tag)) if tag.original() == "!" => Ok(Tree::Text(text.to_owned())),
            Some((Some(name @ ("int" | "float" | "bool" | "null")), _)) => of_type(text, name),
            Some((_, tag)) => Err(unknown_tag(tag)),
        };
        read.unwrap_or_else(|sentence| {
            self.note(at, sentence);
            Tree::Null
        })
    }

    fn check_tag(&mut self, tag: Option<&Tag>, wanted: &str, at: Mark) {
        if let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(wanted)) {
            self.note(at, unknown_tag(tag));
        }
    }

    fn go_down(&mut self, at: Mark) -> Read<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let sentence = format!("lists and objects are nested more than {DEEPEST} levels deep");
            return Err(self.stop(at, sentence));
        }
        Ok(())
    }

    fn list(&mut self, at: Mark) -> Read<Node> {
        self.go_down(at)?;
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, &span)?);
        }
        self.depth -= 1;
        let tree = Tree::List(items);
        Ok(Node { at, tree })
    }

    fn object(&mut self, at: Mark) -> Read<Node> {
        self.go_down(at)?;
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut merged = None;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let at = mark(&span);
            let key = self.key(event, &span)?;
            let (event, span) = self.next()?;
            let value = self.node(event, &span)?;
            let name = match &key {
                Key::None => continue,
                Key::Merge => "<<",
                Key::Name(name) => name.as_str(),
            };
            // The merge key and a quoted "<<" are different keys.
            let seen = match &key {
                Key::Merge => "\u{0}<<".to_owned(),
                _ => name.to_owned(),
            };
            if let Some(line) = lines.get(&seen) {
                self.note(at, format!("duplicate key {name:?}, first in line {line}"));
                continue;
            }
            lines.insert(seen, at.line);
            match key {
                Key::Name(key) => entries.push(Entry { at, key, value }),
                _ => merged = Some(value),
            }
        }
        self.depth -= 1;
        if let Some(merged) = merged {
            self.merge(&mut entries, merged);
        }
        let tree = Tree::Object(entries);
        Ok(Node { at, tree })
    }

    fn key(&mut self, event: Event<'t>, span: &Span) -> Read<Key> {
        if let Event::Scalar(text, ScalarStyle::Plain, _, tag) = &event
            && text == "<<"
            && tag.is_none()
        {
            return Ok(Key::Merge);
        }
        if let Event::Scalar(text, ScalarStyle::Plain, 0, None) = &event
            && scalar::plain(text).is_err()
        {
            // A key such as 010 is only a text, which every reader keeps.
            let text = text.clone().into_owned();
            self.note(
                mark(span),
                format!("the key {text} must be a text; quote it"),
            );
            return Ok(Key::None);
        }
        let node = self.node(event, span)?;
        Ok(match node.tree {
            Tree::Text(text) => Key::Name(text),
            Tree::Number(number) => Key::Name(number.as_str().to_owned()),
            Tree::Bool(flag) => Key::Name(flag.to_string()),
            Tree::Switch { text, .. } => {
                let sentence = format!(
                    "the key {text} is a boolean in YAML 1.1 and a text in YAML 1.2; write \
                     {text:?} in quotes"
                );
                self.note(node.at, sentence);
                Key::None
            }
            Tree::Null | Tree::List(_) | Tree::Object(_) => {
                self.note(node.at, "a key must be a text".to_owned());
                Key::None
            }
        })
    }

    /// <https://yaml.org/type/merge.html>: the object's own keys take precedence, then those of
    /// earlier objects.
    fn merge(&mut self, entries: &mut Vec<Entry>, merged: Node) {
        let sources = match merged.tree {
            Tree::List(items) => items,
            tree => vec![Node {
                at: merged.at,
                tree,
            }],
        };
        for source in sources {
            let Tree::Object(more) = source.tree else {
                let sentence = "<< needs an object or a list of objects".to_owned();
                self.note(source.at, sentence);
                continue;
            };
            for entry in more {
                if !entries.iter().any(|known| known.key == entry.key) {
                    entries.push(entry);
                }
            }
        }
    }

    fn alias(&mut self, id: usize, at: Mark) -> Read<Node> {
        let Some((node, size)) = self.anchors.get(&id) else {
            return Err(self.stop(at, "an alias refers to a value that contains it".to_owned()));
        };
        self.by_alias += size;
        if self.by_alias > MOST_BY_ALIAS {
            let sentence =
                format!("the aliases expand to more than {MOST_BY_ALIAS} values in total");
            return Err(self.stop(at, sentence));
        }
        Ok(node.clone())
    }
}

fn unknown_tag(tag: &Tag) -> String {
    format!("unsupported tag {}; leave it out", tag.original())
}

/// A scalar with a tag that gives its type.
fn of_type(text: &str, name: &str) -> Result<Tree, String> {
    let tree = scalar::plain(text)?;
    match (name, tree) {
        ("int" | "float", tree @ Tree::Number(_)) | ("null", tree @ Tree::Null) => Ok(tree),
        ("bool", Tree::Bool(flag) | Tree::Switch { on: flag, .. }) => Ok(Tree::Bool(flag)),
        _ => Err(format!("{text:?} is not of the type !!{name}")),
    }
}

/// The number of values in a node, including itself.
fn size(node: &Node) -> usize {
    match &node.tree {
        Tree::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Tree::Object(entries) => {
            1 + entries
                .iter()
                .map(|entry| size(&entry.value))
                .sum::<usize>()
        }
        _ => 1,
    }
}
