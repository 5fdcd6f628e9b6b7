//! Splits Rust source into the tokens of paths and modules.

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or keyword.
    Word(String),
    /// `::`
    Path,
    /// Any other character that is not whitespace, comment or literal.
    Mark(char),
}

impl Token {
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn is(&self, mark: char) -> bool {
        *self == Self::Mark(mark)
    }
}

/// Every token of a source text, without comments and literals.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        let length = match rest[0] {
            '/' if rest.get(1) == Some(&'/') => line(rest),
            '/' if rest.get(1) == Some(&'*') => comment(rest),
            '"' => string(rest),
            '\'' => quote(rest),
            first if first.is_alphabetic() || first == '_' => {
                let length = word(rest);
                if let Some(literal) = measure_literal(rest, length) {
                    literal
                } else {
                    found.push(Token::Word(rest[..length].iter().collect()));
                    length
                }
            }
            first if first.is_ascii_digit() => word(rest),
            ':' if rest.get(1) == Some(&':') => {
                found.push(Token::Path);
                2
            }
            blank if blank.is_whitespace() => 1,
            mark => {
                found.push(Token::Mark(mark));
                1
            }
        };
        at += length;
    }
    found
}

fn word(rest: &[char]) -> usize {
    let is_part = |character: &&char| character.is_alphanumeric() || **character == '_';
    rest.iter().take_while(is_part).count()
}

fn line(rest: &[char]) -> usize {
    rest.iter()
        .take_while(|&&character| character != '\n')
        .count()
}

fn comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest.get(at..at + 2) {
            Some(['/', '*']) => (depth, at) = (depth + 1, at + 2),
            Some(['*', '/']) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A character, or the quote of a lifetime.
fn quote(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', ..] => {
            let end = rest[3..].iter().position(|&character| character == '\'');
            end.map_or(rest.len(), |end| end + 4)
        }
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

/// The length of a literal that starts with a word: `b"…"`, `r#"…"#`, `b'x'`, `c"…"`.
fn measure_literal(rest: &[char], length: usize) -> Option<usize> {
    let prefix: String = rest[..length].iter().collect();
    let after = &rest[length..];
    match (prefix.as_str(), after.first()?) {
        ("b" | "c", '"') => Some(length + string(after)),
        ("b", '\'') => Some(length + quote(after)),
        ("r" | "br" | "cr", '"' | '#') => {
            let hashes = after.iter().take_while(|&&c| c == '#').count();
            if after.get(hashes) != Some(&'"') {
                return None;
            }
            let mut end = vec!['"'];
            end.extend(vec!['#'; hashes]);
            let body = &after[hashes + 1..];
            let inside = body.windows(end.len()).position(|window| window == end)?;
            Some(length + hashes + 1 + inside + end.len())
        }
        _ => None,
    }
}
