//! The grammar of AIP-160, as far as it is about fields and values:
//!
//! ```text
//! filter      = { disjunction [ "AND" ] }      what stands beside each other is joined by AND
//! disjunction = term { "OR" term }             OR binds closer than AND
//! term        = [ "NOT" | "-" ] simple
//! simple      = "(" filter ")" | field comparator value | field ":" ( value | "*" )
//! ```

use super::{
    Filter, MOST_CHARACTERS, MOST_DEPTH, MOST_TESTS, Mistake, Test,
    fields::{Field, Value},
    lexer::{Placed, Token, tokens},
};

pub(super) fn parse(text: &str) -> Result<Filter, Mistake> {
    if text.chars().count() > MOST_CHARACTERS {
        let expected = format!("the end: a filter has at most {MOST_CHARACTERS} characters");
        return Err(Mistake { position: MOST_CHARACTERS + 1, expected });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, tests: 0 };
    let filter = parser.filter()?;
    match parser.token() {
        Token::End => Ok(filter),
        _ => Err(parser.mistake("AND, OR or the end")),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    /// Parentheses that are open.
    depth: usize,
    /// Comparisons read.
    tests: usize,
}

impl Parser {
    fn filter(&mut self) -> Result<Filter, Mistake> {
        let mut parts = vec![self.disjunction()?];
        while !matches!(self.token(), Token::Close | Token::End) {
            self.take_keyword("AND");
            parts.push(self.disjunction()?);
        }
        Ok(alone_or(parts, Filter::All))
    }

    fn disjunction(&mut self) -> Result<Filter, Mistake> {
        let mut parts = vec![self.term()?];
        while self.take_keyword("OR") {
            parts.push(self.term()?);
        }
        Ok(alone_or(parts, Filter::Any))
    }

    fn term(&mut self) -> Result<Filter, Mistake> {
        if self.take_keyword("NOT") || self.take(&Token::Minus) {
            return Ok(Filter::Not(Box::new(self.simple()?)));
        }
        self.simple()
    }

    fn simple(&mut self) -> Result<Filter, Mistake> {
        if *self.token() != Token::Open {
            return self.test().map(Filter::Test);
        }
        if self.depth == MOST_DEPTH {
            return Err(self.mistake(format!("at most {MOST_DEPTH} parentheses inside each other")));
        }
        self.next += 1;
        self.depth += 1;
        let filter = self.filter()?;
        self.depth -= 1;
        if !self.take(&Token::Close) {
            return Err(self.mistake("AND, OR or )"));
        }
        Ok(filter)
    }

    fn test(&mut self) -> Result<Test, Mistake> {
        if self.tests == MOST_TESTS {
            return Err(self.mistake(format!("the end: a filter has at most {MOST_TESTS} comparisons")));
        }
        self.tests += 1;
        let field = match self.token() {
            Token::Text(name) => Field::named(name),
            _ => None,
        };
        let field = field.ok_or_else(|| self.mistake(format!("a field, one of {}", Field::names())))?;
        self.next += 1;
        let operator = self.token().clone();
        if !field.takes(&operator) {
            return Err(self.mistake(format!("{} after {}", field.operators(), field.name())));
        }
        self.next += 1;
        let position = self.position();
        let value = self.value();
        let test = field.test(&operator, &value);
        test.ok_or_else(|| Mistake { position, expected: field.values(&operator) })
    }

    /// What is compared with: nothing where there is no value.
    fn value(&mut self) -> Value {
        let is_negative = self.take(&Token::Minus);
        let value = match self.token() {
            Token::Text(text) if is_negative => Value::Text(format!("-{text}")),
            Token::Text(text) => Value::Text(text.clone()),
            Token::Quoted(text) if !is_negative => Value::Quoted(text.clone()),
            Token::Star if !is_negative => Value::Star,
            _ => return Value::None,
        };
        self.next += 1;
        value
    }

    fn token(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |placed| &placed.token)
    }

    fn position(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(1, |placed| placed.position)
    }

    fn take(&mut self, token: &Token) -> bool {
        let is_next = self.token() == token;
        self.next += usize::from(is_next);
        is_next
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        self.take(&Token::Text(keyword.to_owned()))
    }

    fn mistake(&self, expected: impl Into<String>) -> Mistake {
        Mistake { position: self.position(), expected: expected.into() }
    }
}

/// The only part, or what `join` makes of several.
fn alone_or(mut parts: Vec<Filter>, join: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}
