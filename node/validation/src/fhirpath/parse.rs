//! From words to an expression, by the precedence of FHIRPath.

use regex_lite::Regex;

use super::token::{Token, tokens};
use super::{Expression, Function, Operator};

/// The operators, weakest first.
const LEVELS: [&[(&str, Operator)]; 7] = [
    &[("implies", Operator::Implies)],
    &[("or", Operator::Or), ("xor", Operator::Xor)],
    &[("and", Operator::And)],
    &[("in", Operator::In), ("contains", Operator::Contains)],
    &[("=", Operator::Equal), ("!=", Operator::NotEqual)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("|", Operator::Union)],
];
/// The sums, stronger than every level above but weaker than `is` and a path.
const SUMS: &[(&str, Operator)] = &[
    ("+", Operator::Plus),
    ("-", Operator::Minus),
    ("&", Operator::Concatenate),
];
/// How deep an expression may nest.
const MAX_DEPTH: usize = 40;

/// The expression is no FHIRPath, or more of it than is known here.
#[derive(Debug)]
pub(crate) struct Unknown;

impl Expression {
    /// Parses an invariant.
    ///
    /// # Errors
    /// Whatever our subset does not reach.
    pub(crate) fn parse(text: &str) -> Result<Self, Unknown> {
        let mut parser = Parser {
            tokens: tokens(text).ok_or(Unknown)?,
            at: 0,
            depth: 0,
        };
        let expression = parser.level(0).ok_or(Unknown)?;
        if parser.at == parser.tokens.len() {
            Ok(expression)
        } else {
            Err(Unknown)
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Takes the word if it is the next one.
    fn takes(&mut self, word: &str) -> bool {
        let next = match self.peek() {
            Some(Token::Sign(sign)) => *sign == word,
            Some(Token::Name(name)) => name == word,
            _ => false,
        };
        self.at += usize::from(next);
        next
    }

    /// Everything that binds at least as strongly as the level.
    fn level(&mut self, level: usize) -> Option<Expression> {
        if level == 0 {
            self.depth += 1;
        }
        if self.depth > MAX_DEPTH {
            return None;
        }
        let operators = LEVELS.get(level).copied().unwrap_or(SUMS);
        let mut left = self.stronger(level)?;
        while let Some((_, operator)) = operators.iter().find(|(word, _)| self.takes(word)) {
            let right = self.stronger(level)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
        if level == 0 {
            self.depth -= 1;
        }
        Some(left)
    }

    fn stronger(&mut self, level: usize) -> Option<Expression> {
        if level == LEVELS.len() {
            return self.typed();
        }
        self.level(level + 1)
    }

    /// A path, and what type it is or is taken as.
    fn typed(&mut self) -> Option<Expression> {
        let mut left = self.path()?;
        loop {
            if self.takes("is") {
                left = Expression::Is(Box::new(left), self.type_name()?);
            } else if self.takes("as") {
                left = Expression::OfType(Box::new(left), self.type_name()?);
            } else {
                return Some(left);
            }
        }
    }

    fn type_name(&mut self) -> Option<String> {
        let Token::Name(mut name) = self.take()? else {
            return None;
        };
        while self.takes(".") {
            let Token::Name(inner) = self.take()? else {
                return None;
            };
            name = inner; // FHIR.Patient, System.Boolean
        }
        Some(name)
    }

    fn path(&mut self) -> Option<Expression> {
        let mut left = self.first_step()?;
        loop {
            if self.takes(".") {
                let Token::Name(name) = self.take()? else {
                    return None;
                };
                left = self.step(left, name)?;
            } else if self.takes("[") {
                let index = self.level(0)?;
                left = Expression::Index(Box::new(left), Box::new(index));
                self.takes("]").then_some(())?;
            } else {
                return Some(left);
            }
        }
    }

    fn first_step(&mut self) -> Option<Expression> {
        match self.take()? {
            Token::Text(text) => Some(Expression::Text(text)),
            Token::Whole(number) => Some(Expression::Whole(number)),
            Token::Decimal(number) => Some(Expression::Decimal(number)),
            Token::Variable(name) => variable(&name),
            Token::Sign("(") => {
                let inner = self.level(0)?;
                self.takes(")").then_some(inner)
            }
            Token::Sign("{") => self.takes("}").then_some(Expression::Nothing),
            Token::Name(name) if name == "true" => Some(Expression::Bool(true)),
            Token::Name(name) if name == "false" => Some(Expression::Bool(false)),
            Token::Name(name) => self.step(Expression::This, name),
            Token::Sign(_) => None,
        }
    }

    /// A member, or a function with its arguments.
    fn step(&mut self, left: Expression, name: String) -> Option<Expression> {
        if !self.takes("(") {
            return Some(Expression::Member(Box::new(left), name));
        }
        let left = Box::new(left);
        if matches!(name.as_str(), "ofType" | "as" | "is") {
            let wanted = self.type_name()?;
            self.takes(")").then_some(())?;
            return Some(if name == "is" {
                Expression::Is(left, wanted)
            } else {
                Expression::OfType(left, wanted)
            });
        }
        let mut arguments = Vec::new();
        while !self.takes(")") {
            if !arguments.is_empty() {
                self.takes(",").then_some(())?;
            }
            arguments.push(self.level(0)?);
        }
        if let ("matches", [Expression::Text(pattern)]) = (name.as_str(), arguments.as_slice()) {
            return Some(Expression::Matches(left, Regex::new(pattern).ok()?));
        }
        let function = Function::named(&name, arguments.len())?;
        Some(Expression::Call(left, function, arguments))
    }
}

fn variable(name: &str) -> Option<Expression> {
    match name {
        "$this" => Some(Expression::This),
        "%resource" => Some(Expression::Resource),
        "%rootResource" => Some(Expression::RootResource),
        "%ucum" => Some(Expression::Text("http://unitsofmeasure.org".to_owned())),
        "%sct" => Some(Expression::Text("http://snomed.info/sct".to_owned())),
        "%loinc" => Some(Expression::Text("http://loinc.org".to_owned())),
        _ => None,
    }
}
