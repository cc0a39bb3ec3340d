//! Turns typed closures into functions that check their arguments.

use std::fmt;
use std::rc::Rc;

use crate::template::failure::{Failure, Outcome};
use crate::template::value::{Dict, List, Value};

/// What an argument has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) enum Kind {
    Any,
    Text,
    Number,
    Fraction,
    Truth,
    List,
    Dict,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "value",
            Self::Text => "text",
            Self::Number => "number",
            Self::Fraction => "fraction",
            Self::Truth => "truth",
            Self::List => "list",
            Self::Dict => "dict",
        })
    }
}

/// How many arguments of a kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::template) enum Shape {
    One(Kind),
    Rest(Kind),
}

/// All arguments that are left.
#[derive(Clone)]
pub(super) struct Rest<T>(pub(super) Vec<T>);

/// A type that an argument can have.
pub(super) trait Argument: Sized {
    const KIND: Kind;

    /// Takes the value, or gives it back when it is something else.
    fn of(value: Value) -> Result<Self, Value>;
}

impl Argument for Value {
    const KIND: Kind = Kind::Any;

    fn of(value: Value) -> Result<Self, Value> {
        Ok(value)
    }
}

impl Argument for Rc<str> {
    const KIND: Kind = Kind::Text;

    fn of(value: Value) -> Result<Self, Value> {
        if let Value::Text(text) = value { Ok(text) } else { Err(value) }
    }
}

/// Go refuses an `int64` where an `int` is wanted (`until (add 1 2)`); there is no reason to follow it there.
impl Argument for i64 {
    const KIND: Kind = Kind::Number;

    fn of(value: Value) -> Result<Self, Value> {
        if let Value::Int(number) | Value::Int64(number) = value { Ok(number) } else { Err(value) }
    }
}

impl Argument for f64 {
    const KIND: Kind = Kind::Fraction;

    fn of(value: Value) -> Result<Self, Value> {
        match value {
            Value::Float(number) => Ok(number),
            Value::Int(number) => Ok(number as Self),
            _ => Err(value),
        }
    }
}

impl Argument for bool {
    const KIND: Kind = Kind::Truth;

    fn of(value: Value) -> Result<Self, Value> {
        if let Value::Bool(truth) = value { Ok(truth) } else { Err(value) }
    }
}

impl Argument for List {
    const KIND: Kind = Kind::List;

    fn of(value: Value) -> Result<Self, Value> {
        if let Value::List(list) = value { Ok(list) } else { Err(value) }
    }
}

/// Go refuses the `map[string]string` of `split` where sprig wants a dict; it is a dict here.
impl Argument for Dict {
    const KIND: Kind = Kind::Dict;

    fn of(value: Value) -> Result<Self, Value> {
        if let Value::Dict(dict) = value { Ok(dict) } else { Err(value) }
    }
}

/// A dict that is only looked into: nothing at all is an empty one.
pub(super) struct Seen(pub(super) Dict);

impl Argument for Seen {
    const KIND: Kind = Kind::Dict;

    fn of(value: Value) -> Result<Self, Value> {
        match value {
            Value::Nil => Ok(Self(Dict::new([]))),
            other => <Dict as Argument>::of(other).map(Self),
        }
    }
}

/// The arguments of a call that are not taken yet, and how many were.
pub(super) struct Queue {
    values: std::vec::IntoIter<Value>,
    taken: usize,
}

impl Queue {
    fn take<T: Argument>(&mut self) -> Outcome<T> {
        let index = self.taken;
        self.taken += 1;
        let value = self.values.next().unwrap_or(Value::Nil);
        T::of(value).map_err(|value| {
            let failure = Failure::new(format!(
                "argument {} has to be a {}, and is {}",
                index + 1,
                T::KIND,
                value.description()
            ))
            .in_argument(index);
            match (T::KIND, &value) {
                (_, Value::Nil) => failure.remedy("give it a default: `(default \"…\" .NAME)`"),
                (Kind::Number, Value::Text(_)) => failure.remedy("make a number of it: `(int .NAME)`"),
                (Kind::Text, _) => failure.remedy("make a text of it: `(toString …)`"),
                _ => failure,
            }
        })
    }
}

/// A parameter of a closure: one argument, or the rest of them.
pub(super) trait Parameter: Sized {
    fn shape() -> Shape;
    fn take(queue: &mut Queue) -> Outcome<Self>;
}

impl<T: Argument> Parameter for T {
    fn shape() -> Shape {
        Shape::One(T::KIND)
    }

    fn take(queue: &mut Queue) -> Outcome<Self> {
        queue.take()
    }
}

impl<T: Argument> Parameter for Rest<T> {
    fn shape() -> Shape {
        Shape::Rest(T::KIND)
    }

    fn take(queue: &mut Queue) -> Outcome<Self> {
        let mut rest = Vec::with_capacity(queue.values.len());
        while queue.values.len() > 0 {
            rest.push(queue.take()?);
        }
        Ok(Self(rest))
    }
}

/// What a closure may give.
pub(super) trait Gives {
    fn outcome(self) -> Outcome<Value>;
}

impl Gives for Value {
    fn outcome(self) -> Outcome<Value> {
        Ok(self)
    }
}

impl Gives for bool {
    fn outcome(self) -> Outcome<Value> {
        Ok(Value::Bool(self))
    }
}

impl Gives for f64 {
    fn outcome(self) -> Outcome<Value> {
        Ok(Value::Float(self))
    }
}

impl Gives for String {
    fn outcome(self) -> Outcome<Value> {
        Ok(Value::text(self))
    }
}

impl Gives for &str {
    fn outcome(self) -> Outcome<Value> {
        Ok(Value::text(self))
    }
}

impl<T: Gives> Gives for Outcome<T> {
    fn outcome(self) -> Outcome<Value> {
        self?.outcome()
    }
}

/// A closure that can be a function of a template; `Marker` is the tuple of its parameters.
pub(super) trait Body<Marker>: Send + Sync + 'static {
    fn shapes() -> Vec<Shape>;
    fn call(&self, values: Vec<Value>) -> Outcome<Value>;
}

macro_rules! body {
    ($($parameter:ident),*) => {
        impl<F, R, $($parameter),*> Body<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> R + Send + Sync + 'static,
            R: Gives,
            $($parameter: Parameter,)*
        {
            fn shapes() -> Vec<Shape> {
                vec![$($parameter::shape()),*]
            }

            fn call(&self, values: Vec<Value>) -> Outcome<Value> {
                let mut queue = Queue { values: values.into_iter(), taken: 0 };
                self($($parameter::take(&mut queue)?),*).outcome()
            }
        }
    };
}

body!(A);
body!(A, B);
body!(A, B, C);
body!(A, B, C, D);
