//! The commands of a page, and their expected output.

/// One block of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its line in the page.
    pub(crate) line: usize,
    /// The commands.
    pub(crate) commands: String,
    /// Whether they run in the background.
    pub(crate) is_server: bool,
    /// Their expected output, if the page shows it.
    pub(crate) output: Option<String>,
}

/// The blocks of a page, in order.
pub(crate) fn read(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(mark) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| !line.starts_with("```"))
            .collect();
        let block = block.join("\n");
        match mark {
            "sh" | "sh server" => steps.push(Step {
                line: number + 1,
                commands: block,
                is_server: mark == "sh server",
                output: None,
            }),
            "text" | "json" => {
                if let Some(step) = steps.last_mut() {
                    step.output = Some(block);
                }
            }
            _ => {}
        }
    }
    steps
}

/// Whether an output matches a page, line by line; `…` stands for anything within a line, and alone
/// on a line for any lines.
pub(crate) fn matches(said: &str, printed: &str) -> bool {
    let said: Vec<&str> = said.trim_end().lines().map(str::trim_end).collect();
    let printed: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
    lines_match(&said, &printed)
}

fn lines_match(said: &[&str], printed: &[&str]) -> bool {
    match said.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => {
            (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others)),
    }
}

fn line_matches(said: &str, printed: &str) -> bool {
    let Some((head, rest)) = said.split_once('…') else {
        return said == printed;
    };
    let Some(printed) = printed.strip_prefix(head) else {
        return false;
    };
    (0..=printed.len())
        .filter_map(|skipped| printed.get(skipped..))
        .any(|tail| line_matches(rest, tail))
}

#[test]
fn placeholders_of_a_page_match_any_text() {
    assert!(matches("a\nb", "a\nb\n"));
    assert!(matches(
        "{\"id\":\"…\",\"n\":1}",
        "{\"id\":\"xyz\",\"n\":1}"
    ));
    assert!(matches("a\n…\nz", "a\nb\nc\nz"));
    assert!(matches("a\n…", "a"));
    assert!(!matches("a…c", "ab"));
    assert!(!matches("a", "a\nb"));
    let page = "x\n```sh\necho a\n```\nthen\n```text\na\n```\n```sh server\nspice dev\n```\n";
    let steps = read(page);
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[0].commands.as_str(), steps[0].line), ("echo a", 2));
    assert_eq!(steps[0].output.as_deref(), Some("a"));
    assert!(steps[1].is_server && steps[1].output.is_none());
}
