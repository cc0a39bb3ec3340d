//! Makes a tree of tokens, and finds every error that does not depend on the data.

use std::rc::Rc;

use super::failure::{Failure, Fault};
use super::functions;
use super::lexer::{self, Placed, Token};
use super::limits::DEEPEST_TEXT;
use super::tree::{Branch, Command, Node, Pipeline, Target, Templates, Term, TermKind};

type Parsed<T> = Result<T, Fault>;

/// Parses `source`, which is itself the template `name`.
pub(super) fn parse(name: &str, source: &str) -> Parsed<Templates> {
    let mut parser = Parser {
        tokens: lexer::tokens(source)?,
        next: 0,
        variables: vec!["$".to_owned()],
        ranges: 0,
        depth: 0,
        templates: Templates::new(),
    };
    let (nodes, end) = parser.nodes(Place::Top)?;
    debug_assert_eq!(end.kind, EndKind::Text);
    parser.define(name, nodes, 0)?;
    Ok(parser.templates)
}

/// Where a list of nodes stands; it decides what may end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Define,
    Block,
    /// Within `if`, `with` or `range`, where `else` may come.
    Then,
    /// After `else`.
    Otherwise,
}

/// What ended a list of nodes, and where.
struct End {
    kind: EndKind,
    offset: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum EndKind {
    Text,
    End,
    Else,
    ElseIf,
    ElseWith,
}

/// What an action turned out to be.
enum Action {
    Node(Node),
    /// A definition, which prints nothing.
    Nothing,
    Ends(End),
}

/// The three actions with a pipeline and two lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }

    fn node(self, branch: Branch) -> Node {
        match self {
            Self::If => Node::If(branch),
            Self::With => Node::With(branch),
            Self::Range => Node::Range(branch),
        }
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    /// The variables in scope, as a stack.
    variables: Vec<String>,
    /// How many ranges are around the place, for `break` and `continue`.
    ranges: usize,
    /// How many blocks and parentheses are around the place.
    depth: usize,
    templates: Templates,
}

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is the end, and it is never passed.
        &self.tokens[self.next].token
    }

    fn offset(&self) -> usize {
        self.tokens[self.next].offset
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.next += 1;
        }
        token
    }

    fn skip_space(&mut self) {
        while *self.peek() == Token::Space {
            self.next += 1;
        }
    }

    fn unexpected(&self, place: &str) -> Fault {
        Fault::new(self.offset(), format!("unexpected {} in {place}", self.peek().description()))
    }

    fn expect_close(&mut self, place: &str) -> Parsed<()> {
        self.skip_space();
        if *self.peek() != Token::Close {
            return Err(self.unexpected(place));
        }
        self.take();
        Ok(())
    }

    /// Goes one level deeper for as long as `inner` runs.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST_TEXT {
            return Err(Fault::new(self.offset(), format!("nested more than {DEEPEST_TEXT} deep")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn nodes(&mut self, place: Place) -> Parsed<(Vec<Node>, End)> {
        let mut nodes = Vec::new();
        loop {
            let offset = self.offset();
            match self.take() {
                Token::Text(text) => nodes.push(Node::Text { offset, text }),
                Token::Open => match self.action(offset, place)? {
                    Action::Node(node) => nodes.push(node),
                    Action::Nothing => {}
                    Action::Ends(end) => return Ok((nodes, end)),
                },
                _ if place == Place::Top => return Ok((nodes, End { kind: EndKind::Text, offset })),
                _ => {
                    return Err(Failure::new("the template ends within a block")
                        .remedy("every if, with, range, define and block needs its {{ end }}")
                        .at(offset));
                }
            }
        }
    }

    fn action(&mut self, offset: usize, place: Place) -> Parsed<Action> {
        self.skip_space();
        let Token::Word(word) = self.peek().clone() else { return self.plain_action() };
        match word.as_str() {
            "if" => self.control(Control::If, offset),
            "with" => self.control(Control::With, offset),
            "range" => self.control(Control::Range, offset),
            "template" => self.call(offset),
            "define" => self.definition(offset, place),
            "block" => self.block(offset),
            "end" => self.end(offset, place),
            "else" => self.otherwise(offset, place),
            "break" | "continue" => self.leave_range(&word),
            _ => self.plain_action(),
        }
    }

    fn plain_action(&mut self) -> Parsed<Action> {
        let pipeline = self.pipeline("an action")?;
        self.expect_close("an action")?;
        Ok(Action::Node(Node::Action(pipeline)))
    }

    fn end(&mut self, offset: usize, place: Place) -> Parsed<Action> {
        if place == Place::Top {
            return Err(Fault::new(self.offset(), "there is no block to end"));
        }
        self.take();
        self.expect_close("end")?;
        Ok(Action::Ends(End { kind: EndKind::End, offset }))
    }

    fn otherwise(&mut self, offset: usize, place: Place) -> Parsed<Action> {
        if place != Place::Then {
            return Err(Fault::new(self.offset(), "there is no if, with or range for this else"));
        }
        self.take();
        self.skip_space();
        let kind = match self.peek() {
            Token::Word(word) if word == "if" => EndKind::ElseIf,
            Token::Word(word) if word == "with" => EndKind::ElseWith,
            _ => {
                self.expect_close("else")?;
                EndKind::Else
            }
        };
        Ok(Action::Ends(End { kind, offset }))
    }

    fn leave_range(&mut self, word: &str) -> Parsed<Action> {
        if self.ranges == 0 {
            return Err(Fault::new(self.offset(), format!("{word} is outside of a range")));
        }
        self.take();
        self.expect_close(word)?;
        Ok(Action::Node(if word == "break" { Node::Break } else { Node::Continue }))
    }

    fn control(&mut self, control: Control, offset: usize) -> Parsed<Action> {
        self.deeper(|parser| parser.branch(control, offset)).map(|branch| Action::Node(control.node(branch)))
    }

    /// Parses from the keyword to the `end`; an `else if` is a branch within `otherwise`.
    fn branch(&mut self, control: Control, offset: usize) -> Parsed<Branch> {
        self.take();
        let scope = self.variables.len();
        let is_range = control == Control::Range;
        let pipeline = if is_range { self.range_pipeline()? } else { self.pipeline(control.word())? };
        self.expect_close(control.word())?;
        self.ranges += usize::from(is_range);
        let then = self.nodes(Place::Then);
        self.ranges -= usize::from(is_range);
        let (then, end) = then?;
        let otherwise = match (end.kind, control) {
            (EndKind::Else, _) => self.nodes(Place::Otherwise)?.0,
            (EndKind::ElseIf, Control::If) => self.branch_in_else(Control::If, end.offset)?,
            (EndKind::ElseWith, Control::With) => self.branch_in_else(Control::With, end.offset)?,
            (EndKind::ElseIf | EndKind::ElseWith, _) => {
                return Err(self.unexpected(&format!("the else of {}", control.word())));
            }
            (EndKind::End | EndKind::Text, _) => Vec::new(),
        };
        self.variables.truncate(scope);
        Ok(Branch { offset, pipeline, then, otherwise })
    }

    fn branch_in_else(&mut self, control: Control, offset: usize) -> Parsed<Vec<Node>> {
        self.deeper(|parser| parser.branch(control, offset)).map(|branch| vec![control.node(branch)])
    }

    fn call(&mut self, offset: usize) -> Parsed<Action> {
        self.take();
        let name = self.template_name("template")?;
        self.skip_space();
        let argument = if *self.peek() == Token::Close { None } else { Some(self.pipeline("template")?) };
        self.expect_close("template")?;
        Ok(Action::Node(Node::Call { offset, name, argument }))
    }

    fn definition(&mut self, offset: usize, place: Place) -> Parsed<Action> {
        if place != Place::Top {
            return Err(Fault::new(self.offset(), "a template is defined outside of all blocks"));
        }
        self.take();
        let name = self.template_name("define")?;
        self.expect_close("define")?;
        let nodes = self.body(Place::Define)?;
        self.define(&name, nodes, offset)?;
        Ok(Action::Nothing)
    }

    fn block(&mut self, offset: usize) -> Parsed<Action> {
        self.take();
        let name = self.template_name("block")?;
        let argument = self.pipeline("block")?;
        self.expect_close("block")?;
        let nodes = self.body(Place::Block)?;
        self.define(&name, nodes, offset)?;
        Ok(Action::Node(Node::Call { offset, name, argument: Some(argument) }))
    }

    /// Parses a template's own nodes, which see neither the variables nor the ranges around them.
    fn body(&mut self, place: Place) -> Parsed<Vec<Node>> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let nodes = self.deeper(|parser| parser.nodes(place));
        self.variables = variables;
        self.ranges = ranges;
        nodes.map(|(nodes, _)| nodes)
    }

    fn template_name(&mut self, place: &str) -> Parsed<String> {
        self.skip_space();
        let Token::String(name) = self.peek().clone() else {
            return Err(Fault::new(self.offset(), format!("{place} needs a template's name in quotes")));
        };
        self.take();
        Ok(name)
    }

    /// Keeps a template; of two with one name, one has to be blank.
    fn define(&mut self, name: &str, nodes: Vec<Node>, offset: usize) -> Parsed<()> {
        let is_blank = |nodes: &[Node]| {
            nodes.iter().all(|node| matches!(node, Node::Text { text, .. } if text.trim().is_empty()))
        };
        match self.templates.get(name) {
            Some(_) if is_blank(&nodes) => Ok(()),
            Some(before) if !is_blank(before) => {
                Err(Fault::new(offset, format!("the template `{name}` is defined twice")))
            }
            _ => {
                self.templates.insert(name.to_owned(), nodes.into());
                Ok(())
            }
        }
    }

    fn range_pipeline(&mut self) -> Parsed<Pipeline> {
        self.skip_space();
        let offset = self.offset();
        let before = self.next;
        if let Token::Variable(first) = self.peek().clone() {
            self.take();
            self.skip_space();
            if *self.peek() == Token::Comma {
                self.take();
                self.skip_space();
                let Token::Variable(second) = self.peek().clone() else {
                    return Err(self.unexpected("range: its second variable is missing"));
                };
                self.take();
                self.skip_space();
                let target = self.target(vec![first, second])?;
                if target == Target::None {
                    return Err(self.unexpected("range: two variables need `:=` or `=`"));
                }
                return self.commands(offset, target, "range");
            }
            self.next = before;
        }
        self.pipeline("range")
    }

    fn pipeline(&mut self, place: &str) -> Parsed<Pipeline> {
        self.skip_space();
        let offset = self.offset();
        let before = self.next;
        let mut target = Target::None;
        if let Token::Variable(name) = self.peek().clone() {
            self.take();
            self.skip_space();
            target = self.target(vec![name])?;
            if target == Target::None {
                self.next = before;
            }
        }
        self.commands(offset, target, place)
    }

    /// Takes `:=` or `=`, when one of them comes next.
    fn target(&mut self, names: Vec<String>) -> Parsed<Target> {
        match self.peek() {
            Token::Declare => {
                self.take();
                Ok(Target::Declare(names))
            }
            Token::Assign => {
                for name in &names {
                    self.check_variable(name, self.offset())?;
                }
                self.take();
                Ok(Target::Assign(names))
            }
            _ => Ok(Target::None),
        }
    }

    fn commands(&mut self, offset: usize, target: Target, place: &str) -> Parsed<Pipeline> {
        let mut commands: Vec<Command> = Vec::new();
        loop {
            self.skip_space();
            if matches!(self.peek(), Token::Close | Token::RightParenthesis) {
                // Go takes no offence at a pipe with nothing behind it.
                if !commands.is_empty() {
                    break;
                }
                return Err(Fault::new(self.offset(), format!("{place} lacks a value")));
            }
            let command = self.command(place)?;
            if !commands.is_empty() {
                check_stage(&command)?;
            }
            commands.push(command);
            if *self.peek() != Token::Pipe {
                break;
            }
            self.take();
        }
        // Only now: `{{ $x := $x }}` does not see the variable that it makes.
        if let Target::Declare(names) = &target {
            self.variables.extend(names.iter().cloned());
        }
        Ok(Pipeline { offset, target, commands })
    }

    fn command(&mut self, place: &str) -> Parsed<Command> {
        let mut terms = Vec::new();
        loop {
            self.skip_space();
            if matches!(self.peek(), Token::Close | Token::RightParenthesis | Token::Pipe) {
                break;
            }
            terms.push(self.term(place)?);
            if !matches!(self.peek(), Token::Space | Token::Close | Token::RightParenthesis | Token::Pipe) {
                return Err(self.unexpected("a command: a space is missing before it"));
            }
        }
        match terms.first() {
            None => Err(Fault::new(self.offset(), format!("{place} has an empty command"))),
            Some(_) => Ok(Command { terms }),
        }
    }

    fn term(&mut self, place: &str) -> Parsed<Term> {
        let offset = self.offset();
        let kind = match self.peek().clone() {
            Token::Dot => self.constant(TermKind::Dot)?,
            Token::String(text) => self.constant(TermKind::Text(Rc::from(text)))?,
            Token::Integer(number) => self.constant(TermKind::Integer(number))?,
            Token::Float(number) => self.constant(TermKind::Float(number))?,
            Token::Word(word) => match word.as_str() {
                "nil" => self.constant(TermKind::Nil)?,
                "true" => self.constant(TermKind::Bool(true))?,
                "false" => self.constant(TermKind::Bool(false))?,
                _ => self.function(&word)?,
            },
            Token::Field(_) => TermKind::Fields(self.fields()),
            Token::Variable(name) => {
                self.check_variable(&name, offset)?;
                self.take();
                TermKind::Variable { name, fields: self.fields() }
            }
            Token::LeftParenthesis => self.parenthesis()?,
            _ => return Err(self.unexpected(place)),
        };
        Ok(Term { offset, kind })
    }

    fn constant(&mut self, kind: TermKind) -> Parsed<TermKind> {
        self.take();
        match self.peek() {
            Token::Field(_) => Err(self.unexpected("a command: what is before it has no fields")),
            _ => Ok(kind),
        }
    }

    fn function(&mut self, word: &str) -> Parsed<TermKind> {
        let function = functions::find(word).map_err(|failure| failure.at(self.offset()))?;
        self.take();
        let fields = self.fields();
        Ok(if fields.is_empty() {
            TermKind::Function(function)
        } else {
            TermKind::FunctionFields { function, fields }
        })
    }

    fn parenthesis(&mut self) -> Parsed<TermKind> {
        self.take();
        let pipeline = self.deeper(|parser| parser.pipeline("the parenthesis"))?;
        self.skip_space();
        if *self.peek() != Token::RightParenthesis {
            return Err(self.unexpected("the parenthesis"));
        }
        self.take();
        Ok(TermKind::Parenthesis { pipeline: Box::new(pipeline), fields: self.fields() })
    }

    /// Takes the fields that follow without a space.
    fn fields(&mut self) -> Vec<String> {
        let mut fields = Vec::new();
        while let Token::Field(name) = self.peek() {
            fields.push(name.clone());
            self.next += 1;
        }
        fields
    }

    fn check_variable(&self, name: &str, offset: usize) -> Parsed<()> {
        if self.variables.iter().any(|known| known == name) {
            return Ok(());
        }
        let failure = Failure::new(format!("there is no variable `{name}` here"));
        Err(match functions::nearest(name, self.variables.iter().map(String::as_str)) {
            Some(known) => failure.remedy(format!("did you mean `{known}`?")),
            None => failure.remedy(format!("declare it before with `{{{{ {name} := … }}}}`")),
        }
        .at(offset))
    }
}

/// Refuses a constant that something is piped into.
fn check_stage(command: &Command) -> Parsed<()> {
    match command.terms.first() {
        Some(Term {
            offset,
            kind:
                TermKind::Bool(_)
                | TermKind::Dot
                | TermKind::Nil
                | TermKind::Integer(_)
                | TermKind::Float(_)
                | TermKind::Text(_),
        }) => Err(Fault::new(*offset, "nothing can be piped into a value, only into a function")),
        _ => Ok(()),
    }
}
