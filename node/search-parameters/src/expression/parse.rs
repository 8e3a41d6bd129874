//! Text into terms, by FHIRPath's precedence: `.` and `[]`, then `is` and `as`, `|`, `=` and `!=`,
//! `and`, `or`.

use serde_json::Value;

use super::lexeme::{Lexeme, lexemes};
use super::term::{Operand, Root, Step, Term, Truth};
use super::{ExpressionError, MAX_DEPTH, MAX_LENGTH};
use crate::fhir_type::{self, FhirType, Sort};

type Parsed<T> = Result<T, ExpressionError>;

/// The whole of `text`, for resources of `resource_type`.
pub(super) fn term(text: &str, resource_type: &str) -> Parsed<Term> {
    if text.len() > MAX_LENGTH {
        return Err(ExpressionError::Length);
    }
    let mut reader = Reader {
        lexemes: lexemes(text)?,
        next: 0,
        end: text.len(),
        depth: 0,
        resource_type,
    };
    let term = reader.any_of()?;
    match reader.peek() {
        None => Ok(term),
        Some(_) => Err(reader.unexpected("an operator or the end")),
    }
}

struct Reader<'t> {
    lexemes: Vec<(usize, Lexeme<'t>)>,
    next: usize,
    end: usize,
    depth: usize,
    resource_type: &'t str,
}

impl<'t> Reader<'t> {
    /// `a or b`
    fn any_of(&mut self) -> Parsed<Term> {
        let before = self.depth;
        self.deeper()?;
        let mut term = self.all_of()?;
        while self.takes_word("or") {
            self.deeper()?;
            term = Term::truth(Truth::Or(term, self.all_of()?));
        }
        self.depth = before;
        Ok(term)
    }

    /// `a and b`
    fn all_of(&mut self) -> Parsed<Term> {
        let before = self.depth;
        let mut term = self.equation()?;
        while self.takes_word("and") {
            self.deeper()?;
            term = Term::truth(Truth::And(term, self.equation()?));
        }
        self.depth = before;
        Ok(term)
    }

    /// Counts what nests: parentheses, arguments, and each operator or step after the first, since
    /// each is evaluated inside the one before.
    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ExpressionError::Depth { at: self.at() });
        }
        Ok(())
    }

    /// `a = 'b'`, `a != b`, or only a
    fn equation(&mut self) -> Parsed<Term> {
        let left = self.operand()?;
        if self.takes(&Lexeme::Sign('=')) {
            return Ok(Term::truth(Truth::Equal(left, self.operand()?)));
        }
        if self.takes(&Lexeme::Unequal) {
            let equal = Term::truth(Truth::Equal(left, self.operand()?));
            return Ok(Term::truth(Truth::Not(equal)));
        }
        match left {
            Operand::Term(term) => Ok(term),
            Operand::Literal(_) => Err(self.unexpected("= or != after a literal")),
        }
    }

    fn operand(&mut self) -> Parsed<Operand> {
        let literal = match self.peek() {
            Some(Lexeme::Text(text)) => Value::String(text.clone()),
            Some(Lexeme::Number(number)) => Value::Number(number.clone()),
            Some(Lexeme::Name("true")) => Value::Bool(true),
            Some(Lexeme::Name("false")) => Value::Bool(false),
            _ => return Ok(Operand::Term(self.union()?)),
        };
        self.next += 1;
        Ok(Operand::Literal(literal))
    }

    /// `a | b`
    fn union(&mut self) -> Parsed<Term> {
        let mut term = self.typed()?;
        while self.takes(&Lexeme::Sign('|')) {
            term = term.or_else(self.typed()?);
        }
        Ok(term)
    }

    /// `a as T`, `a is T`
    fn typed(&mut self) -> Parsed<Term> {
        let before = self.depth;
        let mut term = self.path()?;
        loop {
            if self.takes_word("as") {
                term = term.of_type(self.type_name()?);
            } else if self.takes_word("is") {
                term = Term::truth(Truth::Is(term, self.type_name()?));
            } else {
                self.depth = before;
                return Ok(term);
            }
            self.deeper()?;
        }
    }

    /// `a.b[0].where(c)`
    fn path(&mut self) -> Parsed<Term> {
        let before = self.depth;
        let mut term = self.root()?;
        loop {
            self.deeper()?;
            if self.takes(&Lexeme::Sign('.')) {
                let name = self.name()?;
                term = self.invocation(term, name)?;
            } else if self.takes(&Lexeme::Sign('[')) {
                term = Term::Nth(Box::new(term), self.index()?);
                self.expect(']', "]")?;
            } else {
                self.depth = before;
                return Ok(term);
            }
        }
    }

    fn root(&mut self) -> Parsed<Term> {
        let context = Term::Path(Root::Context, Vec::new());
        if self.takes(&Lexeme::Sign('(')) {
            let inner = self.any_of()?;
            self.expect(')', ")")?;
            return Ok(inner);
        }
        if self.takes(&Lexeme::Variable("%resource")) {
            return Ok(Term::Path(Root::Resource, Vec::new()));
        }
        if self.takes(&Lexeme::Variable("$this")) {
            return Ok(context);
        }
        let name = self.name()?;
        match self.begins_at_type(name) {
            Some(true) => Ok(Term::Path(Root::Resource, Vec::new())),
            Some(false) => Ok(Term::NOTHING),
            None => self.invocation(context, name),
        }
    }

    /// Whether a path's first name is a resource type, and if so, ours.
    fn begins_at_type(&self, name: &str) -> Option<bool> {
        let named = fhir_type::named(name).filter(|found| found.name == name)?;
        match named.sort {
            Sort::Resource => Some(name == self.resource_type),
            Sort::Abstract => Some(true),
            Sort::Primitive | Sort::Datatype => None,
        }
    }

    /// A member, or a function, of what `term` finds.
    fn invocation(&mut self, term: Term, name: &'t str) -> Parsed<Term> {
        if !self.takes(&Lexeme::Sign('(')) {
            return Ok(term.member(name));
        }
        let found = match name {
            "where" => term.filter(self.any_of()?),
            "exists" => Term::truth(Truth::Exists(self.filtered(term)?)),
            "empty" => Term::truth(Truth::Not(Term::truth(Truth::Exists(term)))),
            "not" => Term::truth(Truth::Not(term)),
            "first" => Term::Nth(Box::new(term), 0),
            "as" | "ofType" => term.of_type(self.type_name()?),
            "is" => Term::truth(Truth::Is(term, self.type_name()?)),
            "extension" => term.then(Step::Extension(self.text()?)),
            "hasExtension" => Term::truth(Truth::Exists(term.then(Step::Extension(self.text()?)))),
            "resolve" => return self.resolved(term),
            _ => {
                let at = self.lexemes.get(self.next.saturating_sub(2));
                return Err(ExpressionError::Function {
                    at: at.map_or(self.end, |(at, _)| *at),
                    name: name.to_owned(),
                });
            }
        };
        self.expect(')', ")")?;
        Ok(found)
    }

    /// `exists()`, `exists(criterion)`
    fn filtered(&mut self, term: Term) -> Parsed<Term> {
        if self.peek() == Some(&Lexeme::Sign(')')) {
            return Ok(term);
        }
        Ok(term.filter(self.any_of()?))
    }

    /// `resolve() is T`, `resolve().is(T)`: nothing else can be told from a reference's text.
    fn resolved(&mut self, term: Term) -> Parsed<Term> {
        const NEEDED: &str = "`is` and a type after resolve()";
        self.expect(')', ")")?;
        if self.takes_word("is") {
            return Ok(Term::truth(Truth::ResolvesTo(term, self.type_name()?)));
        }
        if !(self.takes(&Lexeme::Sign('.')) && self.takes_word("is")) {
            return Err(self.unexpected(NEEDED));
        }
        self.expect('(', NEEDED)?;
        let wanted = self.type_name()?;
        self.expect(')', ")")?;
        Ok(Term::truth(Truth::ResolvesTo(term, wanted)))
    }

    /// `Quantity`, `FHIR.Quantity`
    fn type_name(&mut self) -> Parsed<&'static FhirType> {
        let at = self.at();
        let mut name = self.name()?;
        if name == "FHIR" && self.takes(&Lexeme::Sign('.')) {
            name = self.name()?;
        }
        fhir_type::named(name).ok_or_else(|| ExpressionError::Type {
            at,
            name: name.to_owned(),
        })
    }

    fn name(&mut self) -> Parsed<&'t str> {
        let Some(Lexeme::Name(name)) = self.peek() else {
            return Err(self.unexpected("a name"));
        };
        let name = *name;
        self.next += 1;
        Ok(name)
    }

    fn text(&mut self) -> Parsed<Box<str>> {
        let Some(Lexeme::Text(text)) = self.peek() else {
            return Err(self.unexpected("a text in quotes"));
        };
        let text = text.as_str().into();
        self.next += 1;
        Ok(text)
    }

    fn index(&mut self) -> Parsed<usize> {
        let index = match self.peek() {
            Some(Lexeme::Number(number)) => number.as_u64().and_then(|n| usize::try_from(n).ok()),
            _ => None,
        };
        let index = index.ok_or_else(|| self.unexpected("a place, from 0"))?;
        self.next += 1;
        Ok(index)
    }

    fn peek(&self) -> Option<&Lexeme<'t>> {
        self.lexemes.get(self.next).map(|(_, lexeme)| lexeme)
    }

    fn takes(&mut self, wanted: &Lexeme<'_>) -> bool {
        let there = self.peek() == Some(wanted);
        self.next += usize::from(there);
        there
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(&Lexeme::Name(word))
    }

    fn expect(&mut self, sign: char, needed: &'static str) -> Parsed<()> {
        if self.takes(&Lexeme::Sign(sign)) {
            return Ok(());
        }
        Err(self.unexpected(needed))
    }

    fn at(&self) -> usize {
        self.lexemes.get(self.next).map_or(self.end, |(at, _)| *at)
    }

    fn unexpected(&self, needed: &'static str) -> ExpressionError {
        ExpressionError::Unexpected {
            at: self.at(),
            needed,
        }
    }
}
