//! Runs a parsed template over its data and collects the output.

use std::rc::Rc;

use super::failure::{Failure, Fault, Outcome};
use super::functions::{self, Asks, Function, ShortCircuit};
use super::limits::{DEEPEST_CALL, LONGEST_TEXT, Work, check_text};
use super::print;
use super::tree::{Branch, Command, Node, Pipeline, Target, Templates, Term, TermKind};
use super::value::{Dict, Value};

/// Runs the template `name` over `data`; `environment` is what `env` and `expandenv` find, where they may be used.
pub(super) fn run(
    templates: &Templates,
    name: &str,
    data: &Value,
    environment: Option<&Dict>,
) -> Result<String, Fault> {
    let mut state = State {
        templates,
        environment,
        variables: vec![("$".to_owned(), data.clone())],
        frame: 0,
        output: String::new(),
        work: Work::new(),
        depth: 0,
    };
    if let Some(nodes) = templates.get(name) {
        state.nodes(nodes, data)?;
    }
    Ok(state.output)
}

/// What a function call costs besides its arguments and its result.
const CALL: usize = 32;

/// How a list of nodes ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct State<'a> {
    templates: &'a Templates,
    environment: Option<&'a Dict>,
    /// The variables as a stack.
    variables: Vec<(String, Value)>,
    /// Where the variables of the template that runs begin: it sees no others.
    frame: usize,
    output: String,
    work: Work,
    depth: usize,
}

impl State<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Fault> {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Fault> {
        match node {
            Node::Text { offset, text } => self.print(text, *offset).map(|()| Flow::Next),
            Node::Action(pipeline) => self.action(pipeline, dot).map(|()| Flow::Next),
            Node::If(branch) => self.branch(branch, dot, |_, dot| dot),
            Node::With(branch) => self.branch(branch, dot, |value, _| value),
            Node::Range(branch) => self.range(branch, dot),
            Node::Call { offset, name, argument } => {
                self.call_template(*offset, name, argument.as_ref(), dot).map(|()| Flow::Next)
            }
            Node::Break => Ok(Flow::Break),
            Node::Continue => Ok(Flow::Continue),
        }
    }

    fn print(&mut self, text: &str, offset: usize) -> Result<(), Fault> {
        self.spend(text.len(), offset)?;
        if self.output.len() + text.len() > LONGEST_TEXT {
            return Err(Fault::new(offset, format!("the output is longer than {} MiB", LONGEST_TEXT >> 20)));
        }
        self.output.push_str(text);
        Ok(())
    }

    fn spend(&mut self, units: usize, offset: usize) -> Result<(), Fault> {
        self.work.spend(units).map_err(|failure| failure.at(offset))
    }

    fn action(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<(), Fault> {
        let value = self.pipeline(pipeline, dot)?;
        if pipeline.target != Target::None {
            return Ok(());
        }
        match &value {
            Value::Text(text) => self.print(text, pipeline.offset),
            Value::Nil => self.print(print::NO_VALUE, pipeline.offset),
            _ => {
                let text = print::plain(&value).map_err(|failure| failure.at(pipeline.offset))?;
                self.print(&text, pipeline.offset)
            }
        }
    }

    /// Goes one level deeper for as long as `inner` runs, and forgets the variables that it made.
    fn scoped<T>(
        &mut self,
        offset: usize,
        inner: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.depth >= DEEPEST_CALL {
            return Err(Failure::new(format!("the template runs more than {DEEPEST_CALL} levels deep"))
                .remedy("look for a template that calls itself without an end")
                .at(offset));
        }
        self.depth += 1;
        let scope = self.variables.len();
        let result = inner(self);
        self.variables.truncate(scope);
        self.depth -= 1;
        result
    }

    fn branch<'v>(
        &mut self,
        branch: &Branch,
        dot: &'v Value,
        then_dot: impl for<'x> FnOnce(&'x Value, &'x Value) -> &'x Value,
    ) -> Result<Flow, Fault> {
        self.scoped(branch.offset, |state| {
            let value = state.pipeline(&branch.pipeline, dot)?;
            if value.is_true() {
                state.nodes(&branch.then, then_dot(&value, dot))
            } else {
                state.nodes(&branch.otherwise, dot)
            }
        })
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        self.scoped(branch.offset, |state| {
            let value = state.pipeline(&branch.pipeline, dot)?;
            let empty = match &value {
                Value::List(list) => state.range_over(
                    branch,
                    list.items().iter().zip(0..).map(|(item, index)| (Value::Int(index), item.clone())),
                )?,
                Value::Dict(dict) => state.range_over(
                    branch,
                    dict.entries().into_iter().map(|(key, value)| (Value::Text(key), value)),
                )?,
                Value::Int(count) | Value::Int64(count) => {
                    if let Target::Declare(names) | Target::Assign(names) = &branch.pipeline.target
                        && names.len() > 1
                    {
                        return Err(Fault::new(branch.offset, "a range over a number has only one variable"));
                    }
                    let number = |index| match value {
                        Value::Int64(_) => Value::Int64(index),
                        _ => Value::Int(index),
                    };
                    state.range_over(branch, (0..*count).map(|index| (Value::Nil, number(index))))?
                }
                Value::Nil => true,
                other => {
                    return Err(Fault::new(
                        branch.pipeline.offset,
                        format!(
                            "range goes over lists, dicts and whole numbers, not over {}",
                            other.description()
                        ),
                    ));
                }
            };
            if empty { state.nodes(&branch.otherwise, dot) } else { Ok(Flow::Next) }
        })
    }

    /// Runs the nodes for each pair of an index and an item; tells whether there was none.
    fn range_over(
        &mut self,
        branch: &Branch,
        pairs: impl Iterator<Item = (Value, Value)>,
    ) -> Result<bool, Fault> {
        let scope = self.variables.len();
        let mut empty = true;
        for (index, item) in pairs {
            empty = false;
            self.spend(CALL, branch.offset)?;
            self.variables.truncate(scope);
            self.set_range_variables(&branch.pipeline.target, index, &item, scope);
            if self.nodes(&branch.then, &item)? == Flow::Break {
                break;
            }
        }
        Ok(empty)
    }

    /// With two variables the index comes first; with one, it takes the item.
    fn set_range_variables(&mut self, target: &Target, index: Value, item: &Value, scope: usize) {
        match target {
            Target::None => {}
            Target::Assign(names) => {
                if let [first, second] = names.as_slice() {
                    self.assign(first, index);
                    self.assign(second, item.clone());
                } else if let [only] = names.as_slice() {
                    self.assign(only, item.clone());
                }
            }
            Target::Declare(names) => {
                // The pipeline has made the variables; they are the last ones before the body's.
                if let Some(last) = scope.checked_sub(1) {
                    self.variables[last].1 = item.clone();
                }
                if names.len() > 1
                    && let Some(first) = scope.checked_sub(2)
                {
                    self.variables[first].1 = index;
                }
            }
        }
    }

    fn assign(&mut self, name: &str, value: Value) {
        let known = self.variables[self.frame..].iter_mut().rev().find(|(known, _)| known == name);
        if let Some((_, slot)) = known {
            *slot = value;
        }
    }

    fn call_template(
        &mut self,
        offset: usize,
        name: &str,
        argument: Option<&Pipeline>,
        dot: &Value,
    ) -> Result<(), Fault> {
        let Some(nodes) = self.templates.get(name).map(Rc::clone) else {
            let failure = Failure::new(format!("there is no template `{name}`"));
            return Err(match functions::nearest(name, self.templates.keys().map(String::as_str)) {
                Some(known) => failure.remedy(format!("did you mean `{known}`?")),
                None => {
                    failure.remedy(format!("define it with `{{{{ define \"{name}\" }}}}` in the same file"))
                }
            }
            .at(offset));
        };
        self.scoped(offset, |state| {
            let dot = match argument {
                Some(pipeline) => state.pipeline(pipeline, dot)?,
                None => Value::Nil,
            };
            let frame = std::mem::replace(&mut state.frame, state.variables.len());
            state.variables.push(("$".to_owned(), dot.clone()));
            let result = state.nodes(&nodes, &dot);
            state.frame = frame;
            result.map(|_| ())
        })
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Fault> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, dot, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        match &pipeline.target {
            Target::None => {}
            Target::Declare(names) => {
                self.variables.extend(names.iter().map(|name| (name.clone(), value.clone())));
            }
            Target::Assign(names) => {
                // A range with two variables assigns them itself.
                if let [only] = names.as_slice() {
                    self.assign(only, value.clone());
                }
            }
        }
        Ok(value)
    }

    fn command(&mut self, command: &Command, dot: &Value, piped: Option<Value>) -> Result<Value, Fault> {
        let Some((first, arguments)) = command.terms.split_first() else { return Ok(Value::Nil) };
        if let TermKind::Function(function) = first.kind {
            return self.call(function, first.offset, arguments, dot, piped);
        }
        let extra = arguments.first().map(|argument| argument.offset);
        if let Some(offset) = extra.or(piped.map(|_| first.offset)) {
            return Err(Failure::new("only a function takes arguments")
                .remedy("write the function first: `{{ default \"x\" .NAME }}`, or pipe into it: `{{ .NAME | quote }}`")
                .at(offset));
        }
        if let TermKind::Nil = first.kind {
            return Err(Fault::new(first.offset, "nil is not a command"));
        }
        self.term(first, dot)
    }

    fn term(&mut self, term: &Term, dot: &Value) -> Result<Value, Fault> {
        let offset = term.offset;
        let fields_of = |value: Value, names: &[String]| fields(value, names).map_err(|f| f.at(offset));
        match &term.kind {
            TermKind::Dot => Ok(dot.clone()),
            TermKind::Nil => Ok(Value::Nil),
            TermKind::Bool(truth) => Ok(Value::Bool(*truth)),
            TermKind::Integer(number) => Ok(Value::Int(*number)),
            TermKind::Float(number) => Ok(Value::Float(*number)),
            TermKind::Text(text) => Ok(Value::Text(text.clone())),
            TermKind::Fields(names) => fields_of(dot.clone(), names),
            TermKind::Variable { name, fields } => fields_of(self.variable(name), fields),
            TermKind::Function(function) => self.call(function, offset, &[], dot, None),
            TermKind::FunctionFields { function, fields } => {
                let value = self.call(function, offset, &[], dot, None)?;
                fields_of(value, fields)
            }
            TermKind::Parenthesis { pipeline, fields } => {
                let value = self.nested(pipeline, dot)?;
                fields_of(value, fields)
            }
        }
    }

    /// Runs a pipeline in parentheses; unlike a block it keeps the variables that it declares.
    fn nested(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Fault> {
        if self.depth >= DEEPEST_CALL {
            return Err(Fault::new(
                pipeline.offset,
                format!("the template runs more than {DEEPEST_CALL} levels deep"),
            ));
        }
        self.depth += 1;
        let value = self.pipeline(pipeline, dot);
        self.depth -= 1;
        value
    }

    fn variable(&self, name: &str) -> Value {
        let known = self.variables[self.frame..].iter().rev().find(|(known, _)| known == name);
        known.map_or(Value::Nil, |(_, value)| value.clone())
    }

    fn call(
        &mut self,
        function: &'static Function,
        offset: usize,
        terms: &[Term],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        if let Some(stops) = function.short_circuit() {
            return self.short_circuit(function, stops, offset, terms, dot, piped);
        }
        let mut values = Vec::with_capacity(terms.len() + 1);
        for term in terms {
            values.push(self.term(term, dot)?);
        }
        values.extend(piped);
        let size = values.iter().map(Value::size).sum::<usize>();
        self.spend(CALL + size, offset)?;
        let value = function.call(values).map_err(|failure| {
            let blamed = failure.argument.and_then(|index| terms.get(index));
            failure.at(blamed.map_or(offset, |term| term.offset))
        })?;
        let value = match function.asks() {
            Some(asks) => self.answer(asks, &value).map_err(|failure| failure.at(offset))?,
            None => value,
        };
        self.spend(value.size(), offset)?;
        Ok(value)
    }

    /// Answers a function from the template's variables; one that is not there is an empty text.
    fn answer(&self, asks: Asks, asked: &Value) -> Outcome<Value> {
        let Value::Text(asked) = asked else { return Ok(asked.clone()) };
        let Some(environment) = self.environment else {
            return Err(Failure::new(
                "`env` and `expandenv` would read the environment of whoever runs sealift",
            )
            .remedy("give the value with `--set NAME=VALUE`, and use it as `{{ .Values.NAME }}`"));
        };
        let value_of = |name: &str| match environment.get(name) {
            Some(Value::Text(value)) => value.to_string(),
            _ => String::new(),
        };
        let answer = match asks {
            Asks::Variable => value_of(asked),
            Asks::Expansion => functions::expand(asked, value_of),
        };
        check_text(answer.len())?;
        Ok(Value::text(answer))
    }

    /// `and` and `or` evaluate no further than they have to, and give the value that decided.
    fn short_circuit(
        &mut self,
        function: &Function,
        stops: ShortCircuit,
        offset: usize,
        terms: &[Term],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value, Fault> {
        if terms.is_empty() && piped.is_none() {
            return Err(Fault::new(offset, format!("`{}` needs an argument", function.name)));
        }
        let mut last = Value::Nil;
        for term in terms {
            last = self.term(term, dot)?;
            if last.is_true() == (stops == ShortCircuit::OnTrue) {
                return Ok(last);
            }
        }
        Ok(piped.unwrap_or(last))
    }
}

/// Follows `.a.b` from a value; what is missing on the way is Go's "no value", not an error.
fn fields(mut value: Value, names: &[String]) -> Outcome<Value> {
    for name in names {
        value = match &value {
            Value::Nil => return Ok(Value::Nil),
            Value::Dict(dict) => dict.get(name).unwrap_or(Value::Nil),
            Value::Version(version) => version.field(name)?,
            other => {
                return Err(Failure::new(format!(
                    "`.{name}` is asked of {}, which has no fields",
                    other.description()
                ))
                .remedy("within `range` and `with` the dot is the item; `$` is always the data: `$.NAME`"));
            }
        };
    }
    Ok(value)
}
