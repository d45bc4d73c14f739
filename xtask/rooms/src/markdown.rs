//! What a page of the docs names: code, links and headings.

/// Code of a page: a span in the text, or a line of a block.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    pub line: usize,
    pub text: String,
    pub is_block: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    pub line: usize,
    pub target: String,
}

/// The lines of a page, each with whether it is in a block of code. The marks of fenced blocks are left out.
fn lines(page: &str) -> Vec<(usize, &str, bool)> {
    let mut found = Vec::new();
    let (mut is_fenced, mut is_indented, mut was_blank) = (false, false, true);
    for (at, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
            continue;
        }
        // An indented block begins after an empty line; after text, the indent goes on with that text.
        is_indented = line.starts_with("    ") && (is_indented || was_blank);
        was_blank = line.trim().is_empty();
        found.push((at + 1, line, is_fenced || is_indented));
    }
    found
}

/// Spans and block lines, from the top. A line that ends in `\` is joined with the next.
pub fn code(page: &str) -> Vec<Code> {
    let mut found: Vec<Code> = Vec::new();
    let mut continues = false;
    let mut open: Option<(usize, String)> = None;
    for (line, text, is_block) in lines(page) {
        if is_block {
            let (part, goes_on) = text.trim().strip_suffix('\\').map_or((text.trim(), false), |part| (part, true));
            match found.last_mut() {
                Some(last) if continues && last.is_block => {
                    last.text.push(' ');
                    last.text.push_str(part.trim());
                }
                _ => found.push(Code { line, text: part.trim().to_owned(), is_block }),
            }
            continues = goes_on;
            continue;
        }
        if text.trim().is_empty() {
            // A span does not reach over paragraphs: this mark was a plain one.
            open = None;
        }
        for (at, part) in text.split('`').enumerate() {
            if at > 0 {
                open = match open.take() {
                    Some((begun, text)) => {
                        found.push(Code { line: begun, text, is_block });
                        None
                    }
                    None => Some((line, String::new())),
                };
            }
            if let Some((_, text)) = &mut open {
                if at == 0 {
                    text.push(' ');
                }
                text.push_str(part.trim_end_matches('\n'));
            }
        }
    }
    found
}

/// Targets of links and images outside code blocks.
pub fn links(page: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, text, _) in lines(page).into_iter().filter(|(_, _, is_block)| !is_block) {
        for part in text.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push(Link { line, target: target.to_owned() });
            }
        }
    }
    found
}

/// What links can name after `#`.
pub fn anchors(page: &str) -> Vec<String> {
    let headings = lines(page).into_iter().filter(|(_, text, is_block)| !is_block && text.starts_with('#'));
    headings.map(|(_, text, _)| anchor(text.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let keep = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(|letter| keep(*letter)).collect::<String>().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_in_text_and_in_blocks() {
        let page = "See `a/b.rs` and `long\nspan`.\n\n    tool run \\\n        --now\n\n```sh\nls\n```\n- item\n    goes `on`\n";
        let found: Vec<(usize, String, bool)> = code(page)
            .into_iter()
            .filter(|code| !code.text.is_empty())
            .map(|code| (code.line, code.text, code.is_block))
            .collect();
        let expected = [
            (1, "a/b.rs", false),
            (1, "long span", false),
            (4, "tool run --now", true),
            (8, "ls", true),
            (11, "on", false),
        ];
        assert_eq!(found, expected.map(|(line, text, is_block)| (line, text.to_owned(), is_block)));
    }

    #[test]
    fn links_and_anchors_are_found() {
        let page = "# The `one` way: yes\n[a](b.md#c), ![d](e.png)\n";
        assert_eq!(links(page).iter().map(|link| link.target.as_str()).collect::<Vec<_>>(), ["b.md#c", "e.png"]);
        assert_eq!(anchors(page), ["the-one-way-yes"]);
    }
}
