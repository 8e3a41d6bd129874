//! From a person's directives to what one token carries: the projection.
//!
//! The law: for every resource, `scope` + `residual` gives the answer that the directives give.
//! It holds because a provision's actor, purpose and time are settled by the context, and what is
//! left is carried over rule by rule, one group per directive, in the order in which the last
//! match wins.

use crate::category::{Category, Scope};
use crate::label::{Label, Labels};
use crate::purpose::Purpose;
use crate::refusal::Refusal;
use crate::time::Timestamp;

use super::residual::Rule;
use super::{Context, Directive, ProvisionType, Residual};

const MOST_GROUPS: usize = 4;
const MOST_RULES: usize = 8;

/// What a token for one context carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// The categories of which anything at all can be released.
    pub scope: Scope,
    /// The rules.
    pub residual: Residual,
    /// When a period of some directive next begins or ends. The token must expire by then: what
    /// it carries is the truth only until that moment. `None` when no period is ahead.
    pub changes_at: Option<Timestamp>,
}

/// Projects the home directives of a person onto one context.
///
/// `asked` are the categories that the requester asks for.
///
/// # Errors
/// `consent_not_granted` when nothing could be released for this context (or the purpose is BTG,
/// which no token carries), `scope_not_granted` when something could but nothing of what is asked,
/// `consent_too_complex` when the rules do not fit four groups of eight.
///
/// Source: CONSENT section 3, rule 8 and "Projection law".
pub fn project(home: &[Directive], context: &Context, asked: Scope) -> Result<Projection, Refusal> {
    if context.purpose == Purpose::Btg {
        return Err(Refusal::ConsentNotGranted);
    }
    let groups: Vec<Vec<Rule>> = home
        .iter()
        .filter(|directive| directive.is_in_force(context.at))
        .map(|directive| rules_for(directive, context))
        .filter(|rules| !rules.is_empty())
        .collect();
    let possible: Scope = Category::RELEASABLE
        .into_iter()
        .filter(|category| can_be_permitted(&groups, context.purpose, *category))
        .collect();
    let scope = possible.and(asked);
    if possible.is_empty() {
        return Err(Refusal::ConsentNotGranted);
    }
    if scope.is_empty() {
        return Err(Refusal::ScopeNotGranted);
    }
    let groups = groups
        .into_iter()
        .map(|rules| within(rules, scope))
        .filter(|it| !it.is_empty());
    let Ok(residual) = Residual::new(fit(groups.collect())) else {
        return Err(Refusal::ConsentTooComplex);
    };
    let changes_at = home
        .iter()
        .filter_map(|one| one.changes_after(context.at))
        .min();
    Ok(Projection {
        scope,
        residual,
        changes_at,
    })
}

/// The provisions that speak of this context, as rules, in their order.
fn rules_for(directive: &Directive, context: &Context) -> Vec<Rule> {
    let provisions = directive
        .provisions()
        .iter()
        .filter(|it| it.speaks_of(context));
    provisions
        .map(|it| Rule {
            kind: it.kind,
            criteria: it.criteria.clone(),
        })
        .collect()
}

/// Whether some resource of a category could be permitted. Exact about labels; errs towards "yes"
/// about dates and named data, so that the scope never takes away what the rules would give.
fn can_be_permitted(groups: &[Vec<Rule>], purpose: Purpose, category: Category) -> bool {
    (0..64).map(Labels::from_bits).any(|labels| {
        if purpose == Purpose::Patrqt && labels.contains(Label::Nopat) {
            return false;
        }
        let outlooks = groups
            .iter()
            .map(|rules| Outlook::of(rules, category, labels));
        let (mut some_permit, mut some_deny) = (false, false);
        for outlook in outlooks {
            some_permit |= outlook.permit;
            some_deny |= outlook.deny && !outlook.permit && !outlook.silence;
        }
        some_permit && !some_deny
    })
}

/// What a group can come to say of the resources of one category with the same labels.
#[derive(Copy, Clone)]
struct Outlook {
    permit: bool,
    deny: bool,
    silence: bool,
}

impl Outlook {
    fn of(rules: &[Rule], category: Category, labels: Labels) -> Self {
        let nothing_yet = Self {
            permit: false,
            deny: false,
            silence: true,
        };
        rules.iter().fold(nothing_yet, |outlook, rule| {
            let (kind, criteria) = (rule.kind, &rule.criteria);
            let says = |this| kind == this && criteria.may_match(kind, category, labels);
            let settled = criteria.must_match(kind, category, labels);
            Self {
                permit: says(ProvisionType::Permit) || (outlook.permit && !settled),
                deny: says(ProvisionType::Deny) || (outlook.deny && !settled),
                silence: outlook.silence && !settled,
            }
        })
    }
}

/// The rules that can match anything of the scope, speaking of nothing else.
fn within(rules: Vec<Rule>, scope: Scope) -> Vec<Rule> {
    let narrowed = rules.into_iter().map(|mut rule| {
        rule.criteria.classes = rule.criteria.classes.map(|classes| classes.and(scope));
        rule
    });
    narrowed
        .filter(|rule| rule.criteria.classes.is_none_or(|it| !it.is_empty()))
        .collect()
}

/// Makes rules fit where it changes no answer: equal groups once; and, if they still do not fit,
/// groups that only permit put together, and groups that only forbid. (In a group of
/// one kind the order says nothing: any match decides.)
fn fit(groups: Vec<Vec<Rule>>) -> Vec<Vec<Rule>> {
    let mut distinct: Vec<Vec<Rule>> = Vec::new();
    for group in groups {
        if !distinct.contains(&group) {
            distinct.push(group);
        }
    }
    if distinct.len() <= MOST_GROUPS && distinct.iter().all(|group| group.len() <= MOST_RULES) {
        return distinct;
    }
    let only = |kind, group: &Vec<Rule>| group.iter().all(|rule| rule.kind == kind);
    let (permits, rest): (Vec<_>, Vec<_>) = distinct
        .into_iter()
        .partition(|group| only(ProvisionType::Permit, group));
    let (denies, mixed): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|group| only(ProvisionType::Deny, group));
    let together = |groups: Vec<Vec<Rule>>| -> Vec<Vec<Rule>> {
        groups
            .concat()
            .chunks(MOST_RULES)
            .map(<[Rule]>::to_vec)
            .collect()
    };
    [mixed, together(permits), together(denies)].concat()
}
