//! Expressions of a workflow file: `${{ needs.claim.outputs.won == 'true' }}`.
//!
//! The part of GitHub's language that the bundled workflow may use: literals, dotted names, `== != && || !`,
//! parentheses and a few functions. Whatever else is written is refused by name when the file is read, before anything
//! runs (grammar and rules of comparison: docs.github.com, "Evaluate expressions in workflows and actions").

mod parse;
mod template;
#[cfg(test)]
mod tests;
mod value;

use std::fmt;

pub use template::{Condition, Template};
pub use value::Value;

/// Longest expression, in bytes.
pub const EXPRESSION_BYTES_MAX: usize = 8_192;
/// Deepest nesting of parentheses, `!` and calls.
pub const DEPTH_MAX: usize = 50;

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("in `{text}`: {problem}")]
pub struct Error {
    /// The expression.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "camelCase", ascii_case_insensitive)]
pub enum Function {
    /// Always true; also when the run was cancelled.
    Always,
    /// Nothing before has failed or was cancelled.
    Success,
    /// Something before has failed.
    Failure,
    /// The run was cancelled.
    Cancelled,
    /// Whether the first text has the second in it, case ignored.
    Contains,
    /// Whether the first text begins with the second, case ignored.
    StartsWith,
    /// Whether the first text ends with the second, case ignored.
    EndsWith,
}

impl Function {
    /// Whether it asks how things stand: an `if:` without such a call means `success() && (…)`.
    pub fn asks_status(self) -> bool {
        match self {
            Self::Always | Self::Success | Self::Failure | Self::Cancelled => true,
            Self::Contains | Self::StartsWith | Self::EndsWith => false,
        }
    }

    fn arguments(self) -> usize {
        if self.asks_status() { 0 } else { 2 }
    }
}

/// A dotted name such as `needs.claim.outputs.won`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Vec<String>);

impl Name {
    /// Its parts, at least one.
    pub fn parts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Literal(Value),
    Name(Name),
    Call(Function, Vec<Node>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Equal(Box<Node>, Box<Node>),
    Unequal(Box<Node>, Box<Node>),
}

/// What names and status functions stand for at one place of one run.
pub trait Context {
    /// What a name stands for; nothing where there is no such name.
    fn value(&self, name: &Name) -> Option<Value>;
    /// What a status function answers.
    fn status(&self, function: Function) -> bool;
}

impl Expression {
    /// Reads an expression, without its `${{ }}`.
    ///
    /// # Errors
    /// What is wrong and where it stands.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        parse::parse(text)
            .map(|root| Self { text: text.to_owned(), root })
            .map_err(|problem| Error { text: text.to_owned(), problem })
    }

    /// Its value.
    ///
    /// # Errors
    /// A name that stands for nothing here.
    pub fn evaluate(&self, context: &impl Context) -> Result<Value, Error> {
        evaluate(&self.root, context).map_err(|name| self.unknown(&name))
    }

    /// Whether a status function is called anywhere in it.
    pub fn asks_status(&self) -> bool {
        let mut asks = false;
        visit(&self.root, &mut |node| asks |= matches!(node, Node::Call(function, _) if function.asks_status()));
        asks
    }

    /// Refuses it where one of its names is not known.
    ///
    /// # Errors
    /// The first unknown name.
    pub fn check(&self, is_known: &impl Fn(&Name) -> bool) -> Result<(), Error> {
        let mut unknown = None;
        visit(&self.root, &mut |node| {
            if let Node::Name(name) = node
                && unknown.is_none()
                && !is_known(name)
            {
                unknown = Some(name.clone());
            }
        });
        unknown.map_or(Ok(()), |name| Err(self.unknown(&name)))
    }

    fn unknown(&self, name: &Name) -> Error {
        Error { text: self.text.clone(), problem: format!("`{name}` is not known here") }
    }
}

fn visit(node: &Node, look: &mut impl FnMut(&Node)) {
    look(node);
    match node {
        Node::Literal(_) | Node::Name(_) => {}
        Node::Call(_, arguments) => arguments.iter().for_each(|argument| visit(argument, look)),
        Node::Not(inner) => visit(inner, look),
        Node::And(left, right) | Node::Or(left, right) | Node::Equal(left, right) | Node::Unequal(left, right) => {
            visit(left, look);
            visit(right, look);
        }
    }
}

fn evaluate(node: &Node, context: &impl Context) -> Result<Value, Name> {
    Ok(match node {
        Node::Literal(value) => value.clone(),
        Node::Name(name) => context.value(name).ok_or_else(|| name.clone())?,
        Node::Call(function, arguments) => {
            let texts: Vec<String> = arguments
                .iter()
                .map(|argument| evaluate(argument, context).map(|value| value.to_string().to_lowercase()))
                .collect::<Result<_, _>>()?;
            Value::Boolean(call(*function, &texts, context))
        }
        Node::Not(inner) => Value::Boolean(!evaluate(inner, context)?.is_truthy()),
        Node::And(left, right) => {
            let left = evaluate(left, context)?;
            if left.is_truthy() { evaluate(right, context)? } else { left }
        }
        Node::Or(left, right) => {
            let left = evaluate(left, context)?;
            if left.is_truthy() { left } else { evaluate(right, context)? }
        }
        Node::Equal(left, right) => Value::Boolean(evaluate(left, context)?.equals(&evaluate(right, context)?)),
        Node::Unequal(left, right) => Value::Boolean(!evaluate(left, context)?.equals(&evaluate(right, context)?)),
    })
}

fn call(function: Function, lowercase: &[String], context: &impl Context) -> bool {
    let part = |index: usize| lowercase.get(index).map_or("", String::as_str);
    match function {
        Function::Always | Function::Success | Function::Failure | Function::Cancelled => context.status(function),
        Function::Contains => part(0).contains(part(1)),
        Function::StartsWith => part(0).starts_with(part(1)),
        Function::EndsWith => part(0).ends_with(part(1)),
    }
}
