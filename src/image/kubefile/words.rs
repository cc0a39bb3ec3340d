//! Words of an instruction: quotes, escapes and variables, as Dockerfiles have them.
//!
//! `$X`, `${X}`, `${X:-y}`, `${X-y}`, `${X:+y}` and `${X+y}`; nothing is expanded in single quotes; a backslash
//! takes the meaning from the next character. A variable that is not set is empty.
//! The rules are those of the Dockerfile reference, "Environment replacement".

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// The variables an instruction sees.
pub(crate) type Variables = BTreeMap<String, String>;

/// Why a text cannot be read as words.
pub(crate) type Complaint = String;

/// Takes the quotes away from a whole text and puts variables in their places.
pub(crate) fn expand(text: &str, variables: &Variables) -> Result<String, Complaint> {
    Reader::new(text, variables).word(|_| false)
}

/// Reads the pairs of ENV and LABEL: `a=b c="d e"`, or the older form `a the rest is the value`.
pub(crate) fn pairs(text: &str, variables: &Variables) -> Result<Vec<(String, String)>, Complaint> {
    let text = text.trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let value = text[first.len()..].trim();
        if value.is_empty() {
            return Err(format!("`{first}` has no value; write {first}=value"));
        }
        return Ok(vec![(expand(first, variables)?, expand(value, variables)?)]);
    }
    let mut reader = Reader::new(text, variables);
    let mut pairs = Vec::new();
    loop {
        reader.skip_white_space();
        if reader.chars.peek().is_none() {
            return Ok(pairs);
        }
        let key = reader.word(|c| c == '=' || c.is_whitespace())?;
        if reader.chars.next_if_eq(&'=').is_none() {
            return Err(format!("`{key}` has no value; write {key}=value, in quotes if it has spaces"));
        }
        if key.is_empty() {
            return Err("a value has no name before its `=`".to_owned());
        }
        let value = reader.word(char::is_whitespace)?;
        pairs.push((key, value));
    }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    variables: &'a Variables,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, variables: &'a Variables) -> Self {
        Self { chars: text.chars().peekable(), variables }
    }

    fn skip_white_space(&mut self) {
        while self.chars.next_if(|c| c.is_whitespace()).is_some() {}
    }

    /// Reads up to the first unquoted character that ends the word, which stays unread.
    fn word(&mut self, ends: impl Fn(char) -> bool) -> Result<String, Complaint> {
        let mut word = String::new();
        while let Some(c) = self.chars.next_if(|c| !ends(*c)) {
            match c {
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '\\' => word.extend(self.chars.next().or(Some('\\'))),
                '$' => word.push_str(&self.variable()?),
                c => word.push(c),
            }
        }
        Ok(word)
    }

    fn single_quoted(&mut self, word: &mut String) -> Result<(), Complaint> {
        loop {
            match self.chars.next() {
                None => return Err("a single quote is not closed".to_owned()),
                Some('\'') => return Ok(()),
                Some(c) => word.push(c),
            }
        }
    }

    fn double_quoted(&mut self, word: &mut String) -> Result<(), Complaint> {
        loop {
            match self.chars.next() {
                None => return Err("a double quote is not closed".to_owned()),
                Some('"') => return Ok(()),
                Some('\\') => match self.chars.next() {
                    Some(c @ ('"' | '$' | '\\')) => word.push(c),
                    Some(c) => word.extend(['\\', c]),
                    None => return Err("a double quote is not closed".to_owned()),
                },
                Some('$') => word.push_str(&self.variable()?),
                Some(c) => word.push(c),
            }
        }
    }

    /// Reads what follows a `$`.
    fn variable(&mut self) -> Result<String, Complaint> {
        if self.chars.next_if_eq(&'{').is_some() {
            return self.braced();
        }
        let name = self.name();
        if name.is_empty() {
            return Ok("$".to_owned());
        }
        Ok(self.variables.get(&name).cloned().unwrap_or_default())
    }

    fn braced(&mut self) -> Result<String, Complaint> {
        let name = self.name();
        if name.is_empty() {
            return Err("`${` is not followed by the name of a variable".to_owned());
        }
        let value = self.variables.get(&name).cloned();
        let colon = self.chars.next_if_eq(&':').is_some();
        // With a colon an empty value counts as none.
        let set = value.as_ref().is_some_and(|value| !colon || !value.is_empty());
        let result = match self.chars.next() {
            Some('}') if !colon => return Ok(value.unwrap_or_default()),
            Some('-') => {
                let default = self.word(|c| c == '}')?;
                if set { value.unwrap_or_default() } else { default }
            }
            Some('+') => {
                let instead = self.word(|c| c == '}')?;
                if set { instead } else { String::new() }
            }
            Some('?') => {
                let message = self.word(|c| c == '}')?;
                if !set {
                    return Err(format!("the variable `{name}` is not set: {message}"));
                }
                value.unwrap_or_default()
            }
            _ => return Err(format!("`${{{name}` goes on with something other than }}, :- or :+")),
        };
        match self.chars.next() {
            Some('}') => Ok(result),
            _ => Err(format!("the brace of `${{{name}` is not closed")),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variables() -> Variables {
        [("A", "1"), ("EMPTY", ""), ("SPACED", "x y")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    #[test]
    fn variables_are_put_in_their_places() {
        for (text, want) in [
            ("plain", "plain"),
            ("$A", "1"),
            ("${A}b$A.c", "1b1.c"),
            ("$NONE|${NONE}|", "||"),
            ("${A:-y} ${NONE:-y} ${EMPTY:-y} ${EMPTY-y}", "1 y y "),
            ("${A:+y}|${NONE:+y}|${EMPTY:+y}|${EMPTY+y}", "y|||y"),
            ("${NONE:-${A}}", "1"),
            ("${NAME:-\"calico\"}", "calico"),
            ("${NAME:-\"a}b\"}", "a}b"),
            (r"\$A", "$A"),
            (r#""\$A ${A}" '$A'"#, "$A 1 $A"),
            ("100$", "100$"),
            ("$(A)", "$(A)"),
            (r"a\ b", "a b"),
            (r#""a\nb""#, r"a\nb"),
        ] {
            assert_eq!(expand(text, &variables()).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn pairs_take_both_forms() {
        for (text, want) in [
            ("a=b", vec![("a", "b")]),
            ("a=b c=\"d e\" f='$A' g=$A", vec![("a", "b"), ("c", "d e"), ("f", "$A"), ("g", "1")]),
            ("a the rest \"is\" it", vec![("a", "the rest is it")]),
            ("a=", vec![("a", "")]),
            ("a=b=c", vec![("a", "b=c")]),
            ("sealos.io.type=\"rootfs\"", vec![("sealos.io.type", "rootfs")]),
            (
                "init=\"init-cri.sh \\$registryDomain \\$registryPort && bash init.sh\"",
                vec![("init", "init-cri.sh $registryDomain $registryPort && bash init.sh")],
            ),
        ] {
            let want: Vec<_> = want.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            assert_eq!(pairs(text, &variables()), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_refused() {
        for text in ["'a", "\"a", "${A", "${A:-b", "${", "${}", "${A:b}", "${A!}", "${NONE:?say so}"] {
            assert!(expand(text, &variables()).is_err(), "{text}");
        }
        for text in ["a", "a=b c", "=b", "a=b =c"] {
            assert!(pairs(text, &variables()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ $a-c{}:+'\"\\\\=-]{0,30}") {
            let _ = (expand(&text, &variables()), pairs(&text, &variables()));
        }

        #[test]
        fn single_quotes_keep_everything(text in "[^']{0,30}") {
            prop_assert_eq!(expand(&format!("'{text}'"), &variables()), Ok(text));
        }
    }
}
