//! From text to a tree, by recursive descent with a bound on its depth.

use std::str::FromStr as _;

use strum::VariantNames as _;

use crate::forge::runner::expression::{DEPTH_MAX, EXPRESSION_BYTES_MAX, Function, Name, Node, Value};

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Value(Value),
    Word(String),
    Mark(&'static str),
}

const MARKS: [&str; 9] = ["==", "!=", "&&", "||", "!", "(", ")", ".", ","];

/// Parses a whole expression.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(format!("longer than {EXPRESSION_BYTES_MAX} bytes"));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), depth: 0 };
    let node = parser.either()?;
    match parser.tokens.next() {
        None => Ok(node),
        Some(token) => Err(format!("{} was not expected", describe(Some(&token)))),
    }
}

fn describe(token: Option<&Token>) -> String {
    match token {
        None => "the end".to_owned(),
        Some(Token::Value(value)) => format!("`{value}`"),
        Some(Token::Word(word)) => format!("`{word}`"),
        Some(Token::Mark(mark)) => format!("`{mark}`"),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' {
            let (value, length) = quoted(rest)?;
            found.push(Token::Value(Value::Text(value)));
            length
        } else if first.is_ascii_digit() || first == '-' {
            let length = span(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
            let number = rest[..length].parse().map_err(|_| format!("`{}` is no number", &rest[..length]))?;
            found.push(Token::Value(Value::Number(number)));
            length
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = span(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
            found.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            let mark = MARKS.into_iter().find(|mark| rest.starts_with(mark));
            let mark = mark.ok_or_else(|| format!("`{}` is not supported", first.escape_debug()))?;
            found.push(Token::Mark(mark));
            mark.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// Text in single quotes, a doubled one standing for itself, and how many bytes it took.
fn quoted(text: &str) -> Result<(String, usize), String> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '\'' {
            value.push(character);
        } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Ok((value, at + 1));
        }
    }
    Err("a text in quotes has no end".to_owned())
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    fn takes(&mut self, mark: &'static str) -> bool {
        self.tokens.next_if_eq(&Token::Mark(mark)).is_some()
    }

    fn needs(&mut self, mark: &'static str) -> Result<(), String> {
        if self.takes(mark) {
            return Ok(());
        }
        Err(format!("`{mark}` was expected, not {}", describe(self.tokens.peek())))
    }

    fn either(&mut self) -> Result<Node, String> {
        let mut left = self.both()?;
        while self.takes("||") {
            left = Node::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Node, String> {
        let mut left = self.comparison()?;
        while self.takes("&&") {
            left = Node::And(Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Node, String> {
        let mut left = self.unary()?;
        loop {
            if self.takes("==") {
                left = Node::Equal(Box::new(left), Box::new(self.unary()?));
            } else if self.takes("!=") {
                left = Node::Unequal(Box::new(left), Box::new(self.unary()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn unary(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        let node = if self.takes("!") { Node::Not(Box::new(self.unary()?)) } else { self.primary()? };
        self.depth -= 1;
        Ok(node)
    }

    fn primary(&mut self) -> Result<Node, String> {
        match self.tokens.next() {
            Some(Token::Value(value)) => Ok(Node::Literal(value)),
            Some(Token::Mark("(")) => {
                let node = self.either()?;
                self.needs(")")?;
                Ok(node)
            }
            Some(Token::Word(word)) => self.word(word),
            other => Err(format!("a value was expected, not {}", describe(other.as_ref()))),
        }
    }

    fn word(&mut self, word: String) -> Result<Node, String> {
        match word.as_str() {
            "true" => return Ok(Node::Literal(Value::Boolean(true))),
            "false" => return Ok(Node::Literal(Value::Boolean(false))),
            "null" => return Ok(Node::Literal(Value::Null)),
            _ => {}
        }
        if self.takes("(") {
            return self.call(&word);
        }
        let mut parts = vec![word];
        while self.takes(".") {
            match self.tokens.next() {
                Some(Token::Word(part)) => parts.push(part),
                other => return Err(format!("a name was expected after `.`, not {}", describe(other.as_ref()))),
            }
        }
        Ok(Node::Name(Name(parts)))
    }

    fn call(&mut self, word: &str) -> Result<Node, String> {
        let function = Function::from_str(word)
            .map_err(|_| format!("there is no function `{word}`; there are {}", Function::VARIANTS.join(", ")))?;
        let mut arguments = Vec::new();
        if !self.takes(")") {
            arguments.push(self.either()?);
            while self.takes(",") {
                arguments.push(self.either()?);
            }
            self.needs(")")?;
        }
        if arguments.len() != function.arguments() {
            return Err(format!("`{function}` takes {} arguments, not {}", function.arguments(), arguments.len()));
        }
        Ok(Node::Call(function, arguments))
    }
}
