//! What a responder filters by: the token's scope and residual, less its own directives.

use crate::category::{Category, Scope};

use super::decision::{bar, local_objection};
use super::{Context, Directive, Residual, ResourceFacts};

/// What one verified token lets out, here and now.
#[derive(Clone, Debug)]
pub struct Effective {
    scope: Scope,
    residual: Residual,
    local: Vec<Directive>,
    context: Context,
}

impl Effective {
    /// `scope` and `residual` are a verified token's (the scope may be narrowed to what is asked),
    /// `local` the responder's own directives about this patient, `context` who asks, for what,
    /// now.
    #[must_use]
    pub const fn new(
        scope: Scope,
        residual: Residual,
        local: Vec<Directive>,
        context: Context,
    ) -> Self {
        Self {
            scope,
            residual,
            local,
            context,
        }
    }

    /// Whether a resource may be given out.
    ///
    /// Source: CONSENT section 3, rules 6 and 7.
    #[must_use]
    pub fn permits(&self, facts: &ResourceFacts) -> bool {
        self.scope.contains(facts.category)
            && bar(self.context.purpose, facts).is_none()
            && self.residual.permits(facts)
            && local_objection(&self.local, &self.context, facts).is_none()
    }

    /// The categories that a query plan need look at; [`Self::permits`] still judges each
    /// resource.
    pub fn categories(&self) -> impl Iterator<Item = Category> {
        self.scope.iter()
    }

    /// The scope.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Who asks, for what, when.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The same with only the categories that are also in `asked`.
    #[must_use]
    pub fn narrowed(mut self, asked: Scope) -> Self {
        self.scope = self.scope.and(asked);
        self
    }
}
