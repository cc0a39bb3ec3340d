//! A parsed template: nodes, pipelines and terms, each with the byte offset it begins at.

use std::collections::HashMap;
use std::rc::Rc;

use super::functions::Function;

/// All templates of one text, by name; the text itself is one of them.
pub(super) type Templates = HashMap<String, Rc<[Node]>>;

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Node {
    /// Text that is printed as it is.
    Text { offset: usize, text: String },
    /// `{{ pipeline }}`
    Action(Pipeline),
    /// `{{ if }}`
    If(Branch),
    /// `{{ with }}`
    With(Branch),
    /// `{{ range }}`
    Range(Branch),
    /// `{{ template "name" pipeline }}`
    Call { offset: usize, name: String, argument: Option<Pipeline> },
    /// `{{ break }}`
    Break,
    /// `{{ continue }}`
    Continue,
}

/// A pipeline that decides which nodes run.
#[derive(Debug)]
pub(super) struct Branch {
    /// Where the action begins.
    pub(super) offset: usize,
    /// What decides.
    pub(super) pipeline: Pipeline,
    /// What runs when there is something.
    pub(super) then: Vec<Node>,
    /// What runs when there is nothing.
    pub(super) otherwise: Vec<Node>,
}

/// Commands whose results are handed on, and the variables that take the last one.
#[derive(Debug)]
pub(super) struct Pipeline {
    /// Where it begins.
    pub(super) offset: usize,
    /// What happens to the result.
    pub(super) target: Target,
    /// The commands, at least one.
    pub(super) commands: Vec<Command>,
}

/// What takes the result of a pipeline.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Nothing does: it is printed or used.
    None,
    /// New variables: one or, in a range, two.
    Declare(Vec<String>),
    /// Variables that are there already.
    Assign(Vec<String>),
}

/// A function with its arguments, or a single term.
#[derive(Debug)]
pub(super) struct Command {
    /// The terms, at least one.
    pub(super) terms: Vec<Term>,
}

/// A term and where it begins.
#[derive(Debug)]
pub(super) struct Term {
    /// Where it begins.
    pub(super) offset: usize,
    /// What it is.
    pub(super) kind: TermKind,
}

/// What a term is.
#[derive(Debug)]
pub(super) enum TermKind {
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// `true` or `false`
    Bool(bool),
    /// A whole number
    Integer(i64),
    /// A number with a point or an exponent
    Float(f64),
    /// A string
    Text(Rc<str>),
    /// `.a.b`
    Fields(Vec<String>),
    /// `$x.a.b`
    Variable { name: String, fields: Vec<String> },
    /// The name of a function
    Function(&'static Function),
    /// `( pipeline )` with the fields that follow it
    Parenthesis { pipeline: Box<Pipeline>, fields: Vec<String> },
    /// The name of a function with the fields of its result, `list.x`: Go allows it, it is never useful
    FunctionFields { function: &'static Function, fields: Vec<String> },
}
