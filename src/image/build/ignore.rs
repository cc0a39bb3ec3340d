//! What of the context a build must not see: `.sealignore`, or else `.dockerignore`.
//!
//! The rules are those of `.dockerignore`: patterns are relative to the context, `**` crosses directories, a
//! pattern that matches a directory matches all below it, `!` takes back, and the last match decides.

use std::fs;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use crate::error::{Class, Context, Problem, Result};

/// The files that may hold the patterns; the first that exists is read.
const FILES: [&str; 2] = [".sealignore", ".dockerignore"];

/// The patterns of a context.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    patterns: Vec<(Verdict, GlobMatcher)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ignore,
    TakeBack,
}

impl Ignored {
    /// Reads the patterns of the context; none if it has neither file.
    pub(crate) fn of_context(context: &Path) -> Result<Self> {
        let file = FILES.map(|name| context.join(name)).into_iter().find(|path| path.is_file());
        let Some(path) = file else { return Ok(Self::default()) };
        let text = fs::read_to_string(&path)
            .problem_with(Class::Config, || format!("cannot read {}", path.display()))?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut patterns = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (verdict, pattern) = match line.strip_prefix('!') {
                Some(rest) => (Verdict::TakeBack, rest.trim()),
                None => (Verdict::Ignore, line),
            };
            let pattern = pattern.trim_start_matches("./").trim_matches('/');
            let matcher = matcher(pattern).map_err(|error| {
                Problem::new(Class::Config, format!("{}:{}: not a pattern", path.display(), index + 1))
                    .saw(error)
            })?;
            patterns.push((verdict, matcher));
        }
        Ok(Self { patterns })
    }

    /// Tells whether a path, relative to the context, is ignored.
    pub(crate) fn ignores(&self, path: &Path) -> bool {
        let mut verdict = Verdict::TakeBack;
        for (opinion, matcher) in &self.patterns {
            let matches = path
                .ancestors()
                .filter(|part| !part.as_os_str().is_empty())
                .any(|part| matcher.is_match(part));
            if matches {
                verdict = *opinion;
            }
        }
        verdict == Verdict::Ignore
    }

    /// Tells whether nothing below an ignored directory can be taken back.
    pub(crate) fn is_final(&self) -> bool {
        self.patterns.iter().all(|(verdict, _)| *verdict == Verdict::Ignore)
    }
}

/// Compiles a pattern whose `*` and `?` stay within a path's component.
pub(crate) fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build()?;
    Ok(glob.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_match_decides() {
        let text = "# remark\n*.md\n!README.md\nbuild\n**/*.tmp\n/top\n!build/keep\n";
        let ignored = Ignored::parse(text, Path::new(".dockerignore")).unwrap();
        for (path, want) in [
            ("a.md", true),
            ("README.md", false),
            ("docs/a.md", false),
            ("build", true),
            ("build/x/y", true),
            ("build/keep", false),
            ("x/build", false),
            ("x/y/a.tmp", true),
            ("a.tmp", true),
            ("top", true),
            ("x/top", false),
        ] {
            assert_eq!(ignored.ignores(Path::new(path)), want, "{path}");
        }
        assert!(!ignored.is_final());
    }

    #[test]
    fn a_broken_pattern_is_told_with_its_line() {
        let problem = Ignored::parse("a\n[", Path::new(".dockerignore")).unwrap_err();
        assert!(problem.message.starts_with(".dockerignore:2:"), "{problem}");
    }
}
