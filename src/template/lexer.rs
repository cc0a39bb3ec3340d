//! Cuts a template's text into tokens: the text between actions, and the words within them.

use super::failure::Fault;
use super::literal;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Text outside actions, already trimmed.
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    /// White space within an action; it separates operands.
    Space,
    /// `(`
    LeftParenthesis,
    /// `)`
    RightParenthesis,
    /// `|`
    Pipe,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// `,`
    Comma,
    /// `.` alone
    Dot,
    /// `.name`, without its dot
    Field(String),
    /// `$` or `$name`, with its dollar
    Variable(String),
    /// The name of a function, a keyword, `true`, `false` or `nil`
    Word(String),
    /// A quoted or raw string, unquoted
    String(String),
    /// A number or a character constant that fits Go's `int`
    Integer(i64),
    /// A number with a point or an exponent
    Float(f64),
    /// The end of the template
    End,
}

impl Token {
    /// Says in words what the token is, for messages.
    pub(super) fn description(&self) -> String {
        match self {
            Self::Text(_) => "text".to_owned(),
            Self::Open => "`{{`".to_owned(),
            Self::Close => "`}}`".to_owned(),
            Self::Space => "a space".to_owned(),
            Self::LeftParenthesis => "`(`".to_owned(),
            Self::RightParenthesis => "`)`".to_owned(),
            Self::Pipe => "`|`".to_owned(),
            Self::Declare => "`:=`".to_owned(),
            Self::Assign => "`=`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::Dot => "`.`".to_owned(),
            Self::Field(name) => format!("`.{name}`"),
            Self::Variable(name) => format!("`{name}`"),
            Self::Word(word) => format!("`{word}`"),
            Self::String(_) => "a string".to_owned(),
            Self::Integer(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number}"),
            Self::End => "the end of the template".to_owned(),
        }
    }
}

/// A token and the byte offset it begins at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// What it is.
    pub(super) token: Token,
    /// Where it begins.
    pub(super) offset: usize,
}

/// Cuts `source` into tokens; the last one is always [`Token::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Placed>, Fault> {
    let mut lexer = Lexer { source, offset: 0, tokens: Vec::new(), open: Vec::new() };
    while lexer.text()? {
        lexer.action()?;
    }
    lexer.push(source.len(), Token::End);
    Ok(lexer.tokens)
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// What Go's trim markers take away.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Letters, digits and underscores of any script make names.
fn is_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

struct Lexer<'a> {
    source: &'a str,
    offset: usize,
    tokens: Vec<Placed>,
    /// Where the parentheses began that are still open.
    open: Vec<usize>,
}

impl<'a> Lexer<'a> {
    fn push(&mut self, offset: usize, token: Token) {
        self.tokens.push(Placed { token, offset });
    }

    fn rest(&self) -> &'a str {
        &self.source[self.offset..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_spaces(&mut self) {
        self.offset = self.source.len() - self.rest().trim_start_matches(is_space).len();
    }

    /// Takes the text up to the next action, and the comments on the way; tells whether an action follows.
    fn text(&mut self) -> Result<bool, Fault> {
        loop {
            let begin = self.offset;
            let Some(length) = self.rest().find(OPEN) else {
                self.push_text(begin, self.rest());
                return Ok(false);
            };
            let text = &self.rest()[..length];
            self.offset += length;
            let action = self.offset;
            self.offset += OPEN.len();
            let trims = self.rest().starts_with('-') && self.rest()[1..].starts_with(is_space);
            if trims {
                self.offset += 1;
            }
            self.push_text(begin, if trims { text.trim_end_matches(is_space) } else { text });
            let after_spaces = self.rest().trim_start_matches(is_space);
            if self.rest().starts_with("/*") || (trims && after_spaces.starts_with("/*")) {
                self.comment(action)?;
                continue;
            }
            self.push(action, Token::Open);
            return Ok(true);
        }
    }

    fn push_text(&mut self, offset: usize, text: &str) {
        if !text.is_empty() {
            self.push(offset, Token::Text(text.to_owned()));
        }
    }

    fn comment(&mut self, begin: usize) -> Result<(), Fault> {
        let Some(length) = self.rest().find("*/") else {
            return Err(Fault::new(begin, "the comment is not closed"));
        };
        self.offset += length + 2;
        if self.close_trims() {
            self.take_trimming_close();
        } else if self.rest().starts_with(CLOSE) {
            self.offset += CLOSE.len();
        } else {
            return Err(Fault::new(self.offset, "a comment ends with `*/}}` or `*/ -}}`"));
        }
        Ok(())
    }

    /// Tells whether ` -}}` comes next.
    fn close_trims(&self) -> bool {
        let rest = self.rest();
        rest.starts_with(is_space) && rest[1..].starts_with("-}}")
    }

    fn take_trimming_close(&mut self) {
        self.offset += " -}}".len();
        self.skip_spaces();
    }

    /// Takes the words of an action up to its `}}`.
    fn action(&mut self) -> Result<(), Fault> {
        let opened = self.offset;
        loop {
            let begin = self.offset;
            let trims = self.close_trims();
            if trims || self.rest().starts_with(CLOSE) {
                if let Some(parenthesis) = self.open.pop() {
                    return Err(Fault::new(parenthesis, "the parenthesis is not closed"));
                }
                if trims {
                    self.take_trimming_close();
                } else {
                    self.offset += CLOSE.len();
                }
                self.push(begin, Token::Close);
                return Ok(());
            }
            let Some(character) = self.peek() else {
                return Err(Fault::new(opened - OPEN.len(), "the action is not closed with `}}`"));
            };
            let token = self.word(character)?;
            self.push(begin, token);
        }
    }

    fn word(&mut self, character: char) -> Result<Token, Fault> {
        match character {
            ' ' | '\t' | '\r' | '\n' => Ok(self.spaces()),
            '"' => self.quoted(),
            '`' => self.raw(),
            '\'' => self.character(),
            '$' => self.variable(),
            '.' => self.dot(),
            '+' | '-' | '0'..='9' => self.number(),
            _ if is_name(character) => self.name(),
            _ => self.sign(character),
        }
    }

    fn spaces(&mut self) -> Token {
        while self.peek().is_some_and(is_space) && !self.close_trims() {
            self.offset += 1;
        }
        Token::Space
    }

    fn sign(&mut self, character: char) -> Result<Token, Fault> {
        let begin = self.offset;
        self.offset += character.len_utf8();
        Ok(match character {
            '(' => {
                self.open.push(begin);
                Token::LeftParenthesis
            }
            ')' => {
                if self.open.pop().is_none() {
                    return Err(Fault::new(begin, "there is no parenthesis to close"));
                }
                Token::RightParenthesis
            }
            '|' => Token::Pipe,
            ',' => Token::Comma,
            '=' => Token::Assign,
            ':' if self.peek() == Some('=') => {
                self.offset += 1;
                Token::Declare
            }
            _ => return Err(Fault::new(begin, format!("`{character}` has no meaning in an action"))),
        })
    }

    /// Takes the letters and digits that come next, which may be none.
    fn letters(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
        self.offset += length;
        &rest[..length]
    }

    /// Refuses what may not follow a name directly: `{{ .a+1 }}` is not a sum.
    fn check_end_of_name(&self) -> Result<(), Fault> {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => Ok(()),
            Some(_) if self.rest().starts_with(CLOSE) => Ok(()),
            Some(character) => Err(Fault::new(self.offset, format!("`{character}` may not follow a name"))),
        }
    }

    fn name(&mut self) -> Result<Token, Fault> {
        let name = self.letters().to_owned();
        self.check_end_of_name()?;
        Ok(Token::Word(name))
    }

    fn variable(&mut self) -> Result<Token, Fault> {
        self.offset += 1;
        let name = format!("${}", self.letters());
        self.check_end_of_name()?;
        Ok(Token::Variable(name))
    }

    fn dot(&mut self) -> Result<Token, Fault> {
        let rest = &self.rest()[1..];
        if rest.starts_with(|digit: char| digit.is_ascii_digit()) {
            return self.number();
        }
        self.offset += 1;
        if !rest.starts_with(is_name) {
            return Ok(Token::Dot);
        }
        let name = self.letters().to_owned();
        self.check_end_of_name()?;
        Ok(Token::Field(name))
    }

    fn quoted(&mut self) -> Result<Token, Fault> {
        let begin = self.offset;
        let text = self.until_quote('"').ok_or_else(|| Fault::new(begin, "the string is not closed"))?;
        literal::unquote(text).map(Token::String).map_err(|failure| failure.at(begin))
    }

    fn character(&mut self) -> Result<Token, Fault> {
        let begin = self.offset;
        let text = self
            .until_quote('\'')
            .ok_or_else(|| Fault::new(begin, "the character constant is not closed"))?;
        literal::character(text).map(Token::Integer).map_err(|failure| failure.at(begin))
    }

    /// Takes what is between quotes on one line, without the quotes.
    fn until_quote(&mut self, quote: char) -> Option<&'a str> {
        let inner = &self.rest()[1..];
        let mut escaped = false;
        for (index, character) in inner.char_indices() {
            match character {
                '\n' => return None,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if character == quote => {
                    self.offset += index + 2;
                    return Some(&inner[..index]);
                }
                _ => {}
            }
        }
        None
    }

    fn raw(&mut self) -> Result<Token, Fault> {
        let inner = &self.rest()[1..];
        let length =
            inner.find('`').ok_or_else(|| Fault::new(self.offset, "the raw string is not closed"))?;
        self.offset += length + 2;
        // Go drops carriage returns from raw strings.
        Ok(Token::String(inner[..length].replace('\r', "")))
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let begin = self.offset;
        let text = literal::number_prefix(self.rest());
        self.offset += text.len();
        if let Some(character) = self.peek().filter(|character| is_name(*character) || *character == '.') {
            return Err(Fault::new(
                begin,
                format!("`{}` is not a number", format_args!("{text}{character}")),
            ));
        }
        literal::number(text).map_err(|failure| failure.at(begin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<Token> {
        tokens(source).unwrap().into_iter().map(|placed| placed.token).collect()
    }

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[test]
    fn trim_markers_take_the_white_space_next_to_them() {
        assert_eq!(
            kinds("a \n{{- .x -}}\t\r\n b"),
            [
                text("a"),
                Token::Open,
                Token::Space,
                Token::Field("x".to_owned()),
                Token::Close,
                text("b"),
                Token::End
            ]
        );
    }

    #[test]
    fn a_minus_without_a_space_is_a_number() {
        assert_eq!(kinds("{{-3}}"), [Token::Open, Token::Integer(-3), Token::Close, Token::End]);
    }

    #[test]
    fn comments_are_no_tokens() {
        assert_eq!(kinds("a {{/* {{ x }} */}} b"), [text("a "), text(" b"), Token::End]);
        assert_eq!(kinds("a {{- /* x */ -}} b"), [text("a"), text("b"), Token::End]);
    }

    #[test]
    fn what_is_not_closed_is_told_where_it_began() {
        for (source, begin) in [
            ("a {{ .x", 2),
            ("{{ \"a }}", 3),
            ("{{ `a }}", 3),
            ("a {{/* x }}", 2),
            ("{{ (.x }}", 3),
            ("{{ 'a }}", 3),
        ] {
            let fault = tokens(source).unwrap_err();
            assert_eq!(fault, Fault::new(begin, message(&fault, source)), "{source}");
        }
    }

    fn message(fault: &Fault, source: &str) -> String {
        let whole = fault.clone().into_problem("t", source).message;
        whole.splitn(4, ':').nth(3).unwrap().trim_start().to_owned()
    }
}
