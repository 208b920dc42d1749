//! Text with expressions in it: `orchestrate ${{ inputs.key }}`.

use crate::forge::runner::expression::{Context, Error, Expression, Name, Value};

/// Text with expressions in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Expression(Expression),
}

impl Template {
    /// Reads it.
    ///
    /// # Errors
    /// An expression that does not read, or a `${{` without its `}}`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let end = end_of(after)
                .ok_or_else(|| Error { text: text.to_owned(), problem: "`${{` has no `}}`".to_owned() })?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Expression(Expression::parse(&after[..end])?));
            rest = &after[end + 2..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The text with its expressions filled in.
    ///
    /// # Errors
    /// A name that stands for nothing here.
    pub fn fill(&self, context: &impl Context) -> Result<String, Error> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Expression(expression) => text.push_str(&expression.evaluate(context)?.to_string()),
            }
        }
        Ok(text)
    }

    /// Refuses it where one of its names is not known.
    ///
    /// # Errors
    /// The first unknown name.
    pub fn check(&self, is_known: &impl Fn(&Name) -> bool) -> Result<(), Error> {
        self.expressions().try_for_each(|expression| expression.check(is_known))
    }

    /// Whether a status function is called in it.
    pub fn asks_status(&self) -> bool {
        self.expressions().any(Expression::asks_status)
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Expression(expression) => Some(expression),
        })
    }
}

/// An `if:`: an expression, with or without `${{ }}` around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Expression);

impl Condition {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let inner = text.trim();
        let inner = inner.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(inner);
        Expression::parse(inner).map(Self)
    }

    /// Whether it holds. One that asks for no status also wants that all before it went well.
    ///
    /// # Errors
    /// A name that stands for nothing here.
    pub fn holds(&self, context: &impl Context) -> Result<bool, Error> {
        if !self.0.asks_status() && !context.status(super::Function::Success) {
            return Ok(false);
        }
        self.0.evaluate(context).as_ref().map(Value::is_truthy).map_err(Clone::clone)
    }

    /// Refuses it where one of its names is not known.
    ///
    /// # Errors
    /// The first unknown name.
    pub fn check(&self, is_known: &impl Fn(&Name) -> bool) -> Result<(), Error> {
        self.0.check(is_known)
    }
}

/// Where the `}}` that closes an expression begins; one inside quotes does not close it.
fn end_of(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, character)| {
        if character == '\'' {
            quoted = !quoted;
        }
        (!quoted && text[at..].starts_with("}}")).then_some(at)
    })
}
