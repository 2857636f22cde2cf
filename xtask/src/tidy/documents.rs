//! That links in documents lead somewhere, and that each decision record says whether it holds.

use std::collections::BTreeMap;

use super::{Complaint, Tree};

const ADR_FOLDER: &str = "docs/adr/";
/// What a decision can be.
const ADR_STATES: [&str; 4] = ["proposed", "accepted", "rejected", "superseded by "];

/// See the module.
pub fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (path, text) in tree.texts_named(".md") {
        for (line, target) in links(text) {
            if let Some(what) = broken(tree, path, text, &target) {
                complaints.push(Complaint::of_line(path, line, what));
            }
        }
    }
    check_records(tree, &mut complaints);
    complaints
}

/// The targets of all links and pictures outside of code, with the index of their line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (line, prose) in prose(text) {
        let references = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        links.extend(references.map(|(_, target)| (line, target.trim().to_owned())));
        for (start, end) in [("](", [')', ' ']), ("src=\"", ['"', '"']), ("href=\"", ['"', '"'])] {
            for (at, _) in prose.match_indices(start) {
                let target = &prose[at + start.len()..];
                let len = target.find(end).unwrap_or(target.len());
                links.push((line, target[..len].to_owned()));
            }
        }
    }
    links
}

/// Lines that are no code, with `code` inside them blanked out.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        match fence {
            Some(mark) if trimmed.starts_with(mark) => fence = None,
            Some(_) => {}
            None => match ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
                Some(mark) => fence = Some(mark),
                None => lines.push((index, without_code(line))),
            },
        }
    }
    lines
}

fn without_code(line: &str) -> String {
    let parts: Vec<_> = line.split('`').collect();
    let is_code = |at: usize| at % 2 == 1 && at + 1 < parts.len();
    let part = |(at, part): (usize, &&str)| if is_code(at) { " ".repeat(part.len()) } else { (*part).to_owned() };
    parts.iter().enumerate().map(part).collect::<Vec<_>>().join(" ")
}

/// Why a link leads nowhere; links to other hosts are not followed.
fn broken(tree: &Tree, path: &str, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let resolved = if file.is_empty() { Some(path.to_owned()) } else { resolve(path, file) };
    let Some(resolved) = resolved.filter(|resolved| tree.has(resolved)) else {
        return Some(format!("the link to '{target}' leads nowhere"));
    };
    let there = if file.is_empty() { Some(text) } else { tree.text(&resolved) };
    let has =
        |anchor: &str| there.is_some_and(|there| !resolved.ends_with(".md") || anchors(there).contains_key(anchor));
    match anchor {
        Some(anchor) if !has(anchor) => Some(format!("'{resolved}' has no heading '#{anchor}'")),
        _ => None,
    }
}

/// A relative link as a path from the root; `None` if it leaves the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut levels: Vec<&str> = match link.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => folder.split('/').filter(|level| !level.is_empty()).collect(),
    };
    for level in link.split('/') {
        match level {
            "" | "." => {}
            ".." => {
                levels.pop()?;
            }
            level => levels.push(level),
        }
    }
    Some(levels.join("/"))
}

/// The headings of a document as anchors, the way GitHub makes them.
fn anchors(text: &str) -> BTreeMap<String, usize> {
    let mut anchors = BTreeMap::new();
    // Code in a heading is part of its anchor, so headings are taken from the source.
    let source: Vec<_> = text.lines().collect();
    for (index, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let title = source[index].trim_start_matches('#').trim();
        let slug: String = title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let count = anchors.entry(slug.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            let numbered = format!("{slug}-{}", *count - 1);
            anchors.insert(numbered, 1);
        }
    }
    anchors
}

fn check_records(tree: &Tree, complaints: &mut Vec<Complaint>) {
    let mut expected = 1;
    for (path, text) in tree.texts_named(".md") {
        let Some(name) = path.strip_prefix(ADR_FOLDER).filter(|name| *name != "README.md") else { continue };
        match name.split_once('-').map(|(number, _)| number.parse::<usize>()) {
            Some(Ok(number)) if number == expected => {}
            _ => {
                complaints.push(Complaint::of_file(path, format!("the next record's name begins with {expected:04}-")))
            }
        }
        expected += 1;
        let status = text.lines().take(5).find_map(|line| line.strip_prefix("Status: "));
        if !status.is_some_and(|status| ADR_STATES.iter().any(|state| status.starts_with(state))) {
            let what = format!("near the top a line `Status: …` with one of: {}", ADR_STATES.join(", "));
            complaints.push(Complaint::of_file(path, what));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{fails, passes};
    use super::check;

    #[test]
    fn links_lead_somewhere() {
        passes(
            check,
            &[
                ("README.md", "[a](docs/a.md), [b](docs), ![c](docs/c.png \"C\"), [x](https://x.example/y), `[d](d)`"),
                ("docs/a.md", "# A `b` & c\n[up](../README.md) [here](#a-b--c) [ref]\n\n[ref]: a.md#a-b--c\n"),
                ("docs/b.md", "```\n[x](nowhere)\n```\n<img src=\"c.png\"> [a](a.md#a-b--c)"),
                ("docs/c.png", ""),
            ],
        );
        for text in [
            "[a](b.md)",
            "![a](docs/a.png)",
            "<img src=\"a.png\">",
            "[a](../outside.md)",
            "[a]: b.md",
            "[a](#nothing)",
            "[a](README.md#nothing)",
        ] {
            fails(check, &[("README.md", text)], &["README.md:1"]);
        }
    }

    #[test]
    fn headings_that_repeat_are_numbered() {
        passes(check, &[("a.md", "# One\n# One\n[x](#one) [y](#one-1)")]);
        fails(check, &[("a.md", "# One\n```\n# Two\n```\n[x](#two)")], &["#two"]);
    }

    #[test]
    fn records_say_whether_they_hold() {
        let good = "# 0001 · X\n\nStatus: accepted (2026-01-01)\n";
        passes(check, &[("docs/adr/0001-x.md", good), ("docs/adr/0002-y.md", "# 2\n\nStatus: superseded by 0001")]);
        fails(check, &[("docs/adr/0001-x.md", "# 0001 · X\n")], &["0001-x.md", "Status"]);
        fails(check, &[("docs/adr/0001-x.md", "# 1\nStatus: perhaps")], &["Status"]);
        fails(check, &[("docs/adr/0001-x.md", good), ("docs/adr/0003-y.md", good)], &["0003-y.md", "0002"]);
    }
}
