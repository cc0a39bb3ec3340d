//! The patterns of OpenSSH's files: `*`, `?` and lists in which `!` excludes.

/// Tells whether `text` is matched by `pattern`, in which `*` is any text and `?` any one character; ASCII case does
/// not count, as host names have none.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (folded(pattern), folded(text));
    let (mut at, mut reading) = (0, 0);
    // Where the last star was, and how far the text was read when it was met.
    let mut star = None;
    while reading < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, reading));
                at += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[reading] => {
                at += 1;
                reading += 1;
            }
            _ => {
                // What followed the star does not fit here; the star takes one character more.
                let Some((position, taken)) = star else { return false };
                star = Some((position, taken + 1));
                at = position + 1;
                reading = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|&rest| rest == '*')
}

/// Tells whether a list of patterns matches: one of them does, and none that begins with `!`.
pub(super) fn list_matches<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(excluded) if matches(excluded, text) => return false,
            Some(_) => {}
            None => found |= matches(pattern, text),
        }
    }
    found
}

fn folded(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_openssh_says() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("10.0.0.?", "10.0.0.5", true),
            ("10.0.0.?", "10.0.0.55", false),
            ("*.example", "a.b.example", true),
            ("*.example", "example", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("Node-*", "node-1", true),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn an_exclusion_wins_wherever_it_stands() {
        assert!(list_matches(["*", "!b"], "a"));
        assert!(!list_matches(["!b", "*"], "b"));
        assert!(!list_matches(["*", "!b"], "b"));
        assert!(!list_matches(["!b"], "a"));
    }

    /// The definition, without any care for speed.
    fn defined(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| defined(rest, &text[skip..])),
            Some((wanted, rest)) => text
                .split_first()
                .is_some_and(|(first, after)| (*wanted == '?' || wanted == first) && defined(rest, after)),
        }
    }

    proptest! {
        #[test]
        fn matching_is_as_defined(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let (p, t): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text), defined(&p, &t));
        }
    }
}
