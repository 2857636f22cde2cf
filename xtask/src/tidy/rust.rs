//! Just enough Rust to see what the checks ask about: code without comments and texts, and the paths in it.
//!
//! No parser: what it does not understand it leaves as it is.

/// The code with comments taken out and the insides of texts replaced by blanks; lines stay where they are.
pub fn code_of(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(next) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment_len(rest)
        } else if let Some(len) = raw_text_len(rest).filter(|_| !ends_in_a_name(&code)) {
            len
        } else if next == '"' {
            text_len(rest)
        } else if let Some(len) = char_len(rest) {
            len
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        code.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[skipped..];
    }
    code
}

fn ends_in_a_name(code: &str) -> bool {
    code.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Comments nest.
fn comment_len(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn text_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_text_len(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let start = rest.len() - inside.len();
    Some(inside.find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

/// `'a'` and `'\n'`, but not the lifetime `'a`.
fn char_len(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let mut chars = inside.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        // The escaped character may itself be a quote.
        let (after, _) = chars.nth(1)?;
        return inside[after..].find('\'').map(|at| 1 + after + at + 1);
    }
    let (at, second) = chars.next()?;
    (second == '\'').then_some(1 + at + 1)
}

/// All paths that `use` lines bring in, with the index of the line they begin on, groups written out:
/// `use crate::{a, b::c}` gives `crate::a` and `crate::b::c`.
pub fn used_paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = &code[..at];
        if ends_in_a_name(before) {
            continue;
        }
        let Some(end) = code[at..].find(';') else { continue };
        let line = before.matches('\n').count();
        let tree: String = code[at + 4..at + end].split_whitespace().collect::<Vec<_>>().join(" ");
        write_out("", &tree, &mut |path| paths.push((line, path)));
    }
    paths
}

fn write_out(prefix: &str, tree: &str, found: &mut impl FnMut(String)) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        if !tree.is_empty() {
            found(format!("{prefix}{tree}"));
        }
        return;
    };
    let prefix = format!("{prefix}{}", tree[..open].trim());
    let inside = tree[open + 1..].trim_end().strip_suffix('}').unwrap_or_default();
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                write_out(&prefix, &inside[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
    write_out(&prefix, &inside[start..], found);
}

/// All paths that begin with `start` (`crate::`, say), wherever they stand, with the index of their line.
pub fn paths_from<'a>(code: &'a str, start: &str) -> Vec<(usize, &'a str)> {
    let mut paths = Vec::new();
    for (line, text) in code.lines().enumerate() {
        for (at, _) in text.match_indices(start) {
            if ends_in_a_name(&text[..at]) || text[..at].ends_with(':') {
                continue;
            }
            let path = &text[at..];
            let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(path.len());
            paths.push((line, &path[..end]));
        }
    }
    paths
}

/// The source without its test modules: those that follow `#[cfg(test)]` and are closed by a brace in the first column.
pub fn without_tests(source: &str) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        let opens = |next: &&str| next.starts_with("mod ") && next.ends_with('{');
        if line == "#[cfg(test)]" && lines.peek().is_some_and(opens) {
            while lines.next().is_some_and(|line| line != "}") {}
        } else {
            kept.push(line);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_no_code() {
        for (source, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"a\\\"b\") + c", "f(      ) + c"),
            ("f(r#\"a\"b\"#, c)", "f(        , c)"),
            ("f('\"', b)", "f(   , b)"),
            ("f('\\'', '\\u{1f}', b'\\n')", "f(    ,         , b    )"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("for x in \"ä\n\"", "for x in   \n "),
        ] {
            assert_eq!(code_of(source), code, "{source}");
        }
    }

    #[test]
    fn groups_are_written_out() {
        let code = "use a::b;\n    pub use crate::{c, d::{e as f, g}, self};\nreuse (x);";
        let paths: Vec<_> = used_paths(code);
        let expected = [(0, "a::b"), (1, "crate::c"), (1, "crate::d::e as f"), (1, "crate::d::g"), (1, "crate::self")];
        assert_eq!(paths, expected.map(|(line, path)| (line, path.to_owned())));
    }

    #[test]
    fn paths_are_found_where_they_stand() {
        let code = "x(crate::http::view())\nmycrate::a; a::crate::b";
        assert_eq!(paths_from(code, "crate::"), [(0, "crate::http::view")]);
    }

    #[test]
    fn test_modules_are_left_out() {
        let source = "a\n#[cfg(test)]\nmod tests {\n    b\n}\nc\n#[cfg(test)]\nmod tests;";
        assert_eq!(without_tests(source), ["a", "c", "#[cfg(test)]", "mod tests;"]);
    }
}
