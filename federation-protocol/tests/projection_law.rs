//! The projection law: for every resource, a token's scope and residual answer as the directives
//! do. And what must hold of any decision: the order of directives says nothing, a deny never
//! adds, a local directive never widens, a narrower scope never widens.
//!
//! The directives are random; the resources are all of a small world in which every element of a
//! provision can tell two of them apart. [`oracle`] is CONSENT section 3 written down a second
//! time, from the stated provisions, sharing nothing with the crate's evaluation.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::sync::LazyLock;

use federation_protocol::category::{Category, Scope};
use federation_protocol::consent::{
    Actor, Context, Criteria, DataMeaning, DataReference, Directive, DirectiveStatus,
    EMERGENCY_FLOOR, Effective, EmergencyRelease, FhirTime, LabelTerms, Loss, Period, Practitioner,
    Provision, ProvisionType, Residual, ResourceFacts, Span, decide, first_loss, project,
};
use federation_protocol::label::{Confidentiality, Label, Labels};
use federation_protocol::member::MemberId;
use federation_protocol::purpose::Purpose;
use federation_protocol::refusal::Refusal;
use federation_protocol::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const CATEGORIES: [Category; 4] = [
    Category::Lab,
    Category::Rx,
    Category::Genomic,
    Category::Other,
];
const DAYS: [&str; 4] = ["2019-06-15", "2020-01-01", "2026-06-30", "2026-07-01"];

fn member(code: &str) -> MemberId {
    MemberId::from_code(code).unwrap()
}

fn noon(day: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("{day}T12:00:00+09:00")).unwrap()
}

/// Every resource of the small world.
static WORLD: LazyLock<Vec<ResourceFacts>> = LazyLock::new(|| {
    let label_sets: Vec<Labels> = [
        vec![],
        vec![Label::Psy],
        vec![Label::Hiv],
        vec![Label::Psy, Label::Hiv],
        vec![Label::Nopat],
        vec![Label::Psy, Label::Nopat],
    ]
    .into_iter()
    .map(|labels| labels.into_iter().collect())
    .collect();
    let dates = [
        None,
        Some("2019"),
        Some("2019-06-15"),
        Some("2026-06-30"),
        Some("2026-07-01"),
    ];
    let persons = [
        ("L1", "Practitioner/a", "Encounter/1"),
        ("L2", "Practitioner/b", "Encounter/2"),
    ];
    let mut world = Vec::new();
    for category in CATEGORIES {
        for labels in &label_sets {
            for date in dates {
                for (id, author, encounter) in persons {
                    world.push(ResourceFacts {
                        id: id.into(),
                        category,
                        labels: *labels,
                        date: date.map(|date| Span::of_fhir(date).unwrap()),
                        authors: vec![author.into()],
                        related: vec![encounter.into()],
                    });
                }
            }
        }
    }
    world
});

/// A Consent as stated.
#[derive(Clone, Debug)]
struct Stated {
    status: DirectiveStatus,
    root: Provision,
    nested: Vec<Provision>,
}

impl Stated {
    fn directive(&self) -> Directive {
        Directive::new(self.status, self.root.clone(), self.nested.clone())
    }
}

fn directives(all: &[Stated]) -> Vec<Directive> {
    all.iter().map(Stated::directive).collect()
}

fn kinds() -> impl Strategy<Value = ProvisionType> {
    prop_oneof![3 => Just(ProvisionType::Permit), 2 => Just(ProvisionType::Deny)]
}

fn periods() -> impl Strategy<Value = Period> {
    (option::of(select(&DAYS[..])), option::of(select(&DAYS[..])))
        .prop_filter("a period has an end, in order", |ends| match ends {
            (Some(start), Some(end)) => start <= end,
            (None, None) => false,
            _ => true,
        })
        .prop_map(|(start, end)| Period {
            start: start.map(|day| FhirTime::parse(day).unwrap()),
            end: end.map(|day| FhirTime::parse(day).unwrap()),
        })
}

fn actors() -> impl Strategy<Value = Vec<Actor>> {
    let of_r = |id: &str| Actor::Practitioner {
        member: member("0110000003"),
        id: id.into(),
    };
    let all = vec![
        Actor::Organization(member("0110000003")),
        Actor::Organization(member("0110000004")),
        of_r("dr-1"),
        of_r("dr-2"),
    ];
    prop_oneof![1 => Just(vec![]), 3 => subsequence(all, 1..3)]
}

fn labels() -> impl Strategy<Value = LabelTerms> {
    subsequence(vec!["N", "R", "PSY", "HIV", "NOPAT"], 1..4).prop_map(|words| {
        words.iter().fold(LabelTerms::default(), |terms, word| {
            terms.with_word(word).unwrap()
        })
    })
}

fn data() -> impl Strategy<Value = Vec<DataReference>> {
    let all = vec![
        (DataMeaning::Instance, "L1"),
        (DataMeaning::Related, "Encounter/2"),
        (DataMeaning::Related, "L2"),
        (DataMeaning::Authoredby, "Practitioner/b"),
    ];
    subsequence(all, 1..3).prop_map(|all| {
        let named = |(meaning, text): (_, &str)| DataReference {
            meaning,
            reference: text.into(),
        };
        all.into_iter().map(named).collect()
    })
}

fn provisions() -> impl Strategy<Value = Provision> {
    let purposes = subsequence(vec![Purpose::Treat, Purpose::Patrqt], 0..2);
    let classes = subsequence(CATEGORIES[..3].to_vec(), 1..3)
        .prop_map(|all| all.into_iter().collect::<Scope>());
    let criteria = (
        option::weighted(0.5, classes),
        option::weighted(0.5, labels()),
        option::weighted(0.2, periods()),
        prop_oneof![4 => Just(vec![]), 1 => data()],
    );
    (
        kinds(),
        option::weighted(0.2, periods()),
        actors(),
        purposes,
        criteria,
    )
        .prop_map(
            |(kind, period, actors, purposes, (classes, labels, data_period, data))| Provision {
                kind,
                period,
                actors,
                purposes,
                criteria: Criteria {
                    classes,
                    labels,
                    data_period,
                    data,
                },
            },
        )
}

fn consents() -> impl Strategy<Value = Stated> {
    let status = prop_oneof![
        9 => Just(DirectiveStatus::Active),
        1 => Just(DirectiveStatus::Inactive),
    ];
    (status, provisions(), vec(provisions(), 0..4)).prop_map(|(status, root, nested)| Stated {
        status,
        root,
        nested,
    })
}

fn contexts() -> impl Strategy<Value = Context> {
    let who = select(vec![
        ("0110000003", Some("dr-1")),
        ("0110000003", Some("dr-2")),
        ("0110000003", None),
        ("0110000004", Some("dr-1")),
    ]);
    let purpose = prop_oneof![3 => Just(Purpose::Treat), 1 => Just(Purpose::Patrqt)];
    (who, purpose, select(&DAYS[2..])).prop_map(|((code, id), purpose, day)| Context {
        requester: member(code),
        practitioner: id.map(|id| Practitioner {
            id: id.into(),
            role: "physician".into(),
        }),
        purpose,
        at: noon(day),
    })
}

fn scopes() -> impl Strategy<Value = Scope> {
    subsequence(CATEGORIES[..3].to_vec(), 1..=3).prop_map(|all| all.into_iter().collect())
}

/// CONSENT section 3, rules 1–6, straight from the stated provisions.
fn oracle(home: &[Stated], context: &Context, facts: &ResourceFacts) -> bool {
    let withheld = context.purpose == Purpose::Patrqt && facts.labels.contains(Label::Nopat);
    let verdicts: Vec<_> = home
        .iter()
        .filter_map(|one| oracle_verdict(one, context, facts))
        .collect();
    facts.category != Category::Other
        && !withheld
        && verdicts.contains(&ProvisionType::Permit)
        && !verdicts.contains(&ProvisionType::Deny)
}

fn oracle_verdict(one: &Stated, context: &Context, facts: &ResourceFacts) -> Option<ProvisionType> {
    let holds = one
        .root
        .period
        .as_ref()
        .is_none_or(|period| inside(period, context.at, context.at));
    if one.status != DirectiveStatus::Active || !holds {
        return None;
    }
    let nested = |kind| {
        let matches = |it: &&Provision| {
            it.kind == kind && oracle_matches(kind, it, &one.root, context, facts)
        };
        one.nested.iter().find(matches).map(|_| kind)
    };
    let root = oracle_matches(one.root.kind, &one.root, &one.root, context, facts);
    nested(ProvisionType::Deny)
        .or_else(|| nested(ProvisionType::Permit))
        .or(root.then_some(one.root.kind))
}

fn inside(period: &Period, first: Timestamp, last: Timestamp) -> bool {
    period
        .start
        .as_ref()
        .is_none_or(|start| start.span().first() <= first)
        && period
            .end
            .as_ref()
            .is_none_or(|end| last <= end.span().last())
}

fn oracle_matches(
    kind: ProvisionType,
    it: &Provision,
    root: &Provision,
    context: &Context,
    facts: &ResourceFacts,
) -> bool {
    let is_deny = kind == ProvisionType::Deny;
    let actors = if it.actors.is_empty() {
        &root.actors
    } else {
        &it.actors
    };
    let asks = |actor: &Actor| match actor {
        Actor::Organization(member) => *member == context.requester,
        Actor::Practitioner { member, id } if *member == context.requester => context
            .practitioner
            .as_ref()
            .map_or(is_deny, |asking| asking.id == *id),
        Actor::Practitioner { .. } => false,
    };
    let purposes = if it.purposes.is_empty() {
        &root.purposes
    } else {
        &it.purposes
    };
    let period = it.period.as_ref().or(root.period.as_ref());
    let classes = it.criteria.classes.or(root.criteria.classes);
    let terms = it.criteria.labels.or(root.criteria.labels);
    let data_period = it
        .criteria
        .data_period
        .as_ref()
        .or(root.criteria.data_period.as_ref());
    let data = if it.criteria.data.is_empty() {
        &root.criteria.data
    } else {
        &it.criteria.data
    };
    let names = |one: &DataReference| match one.meaning {
        DataMeaning::Instance => one.reference == facts.id,
        DataMeaning::Related => one.reference == facts.id || facts.related.contains(&one.reference),
        DataMeaning::Authoredby => facts.authors.contains(&one.reference),
    };
    (actors.is_empty() || actors.iter().any(asks))
        && (purposes.is_empty() || purposes.contains(&context.purpose))
        && period.is_none_or(|period| inside(period, context.at, context.at))
        && classes.is_none_or(|classes| classes.contains(facts.category))
        && terms.is_none_or(|terms| oracle_labels(is_deny, terms, facts.labels))
        && data_period.is_none_or(|period| match facts.date {
            None => is_deny,
            Some(date) if is_deny => {
                period
                    .start
                    .as_ref()
                    .is_none_or(|start| start.span().first() <= date.last())
                    && period
                        .end
                        .as_ref()
                        .is_none_or(|end| date.first() <= end.span().last())
            }
            Some(date) => inside(period, date.first(), date.last()),
        })
        && (data.is_empty() || data.iter().any(names))
}

fn oracle_labels(is_deny: bool, terms: LabelTerms, labels: Labels) -> bool {
    let words: Vec<&str> = terms.words().collect();
    let level = match labels.confidentiality() {
        Confidentiality::Normal => "N",
        Confidentiality::Restricted => "R",
    };
    let carried: Vec<&str> = labels.iter().map(Label::as_str).collect();
    if words.contains(&level) {
        return true;
    }
    if is_deny {
        return carried.iter().any(|label| words.contains(label));
    }
    let mut sensitivities = carried
        .into_iter()
        .filter(|label| *label != "NOPAT")
        .peekable();
    sensitivities.peek().is_some() && sensitivities.all(|label| words.contains(&label))
}

fn effective(home: &[Directive], context: &Context, asked: Scope) -> Result<Effective, Refusal> {
    let projection = project(home, context, asked)?;
    let residual = Residual::from_json(projection.residual.to_json().as_bytes()).unwrap();
    assert!(projection.scope.is_within(asked));
    Ok(Effective::new(
        projection.scope,
        residual,
        Vec::new(),
        context.clone(),
    ))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_token_answers_as_the_directives_do(
        home in vec(consents(), 0..7),
        context in contexts(),
        asked in scopes(),
    ) {
        let parsed = directives(&home);
        let token = effective(&parsed, &context, asked);
        if token.as_ref().err() == Some(&Refusal::ConsentTooComplex) {
            return Ok(());
        }
        for facts in WORLD.iter() {
            let truth = oracle(&home, &context, facts);
            prop_assert_eq!(decide(&parsed, &[], &context, facts), truth, "{:?}", facts);
            let released = token.as_ref().is_ok_and(|token| token.permits(facts));
            prop_assert_eq!(released, truth && asked.contains(facts.category), "{:?}", facts);
        }
    }

    #[test]
    fn the_order_of_directives_says_nothing(
        (home, shuffled) in vec(consents(), 0..6).prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        context in contexts(),
        asked in scopes(),
    ) {
        let (home, shuffled) = (directives(&home), directives(&shuffled));
        let (one, other) = (effective(&home, &context, asked), effective(&shuffled, &context, asked));
        prop_assert_eq!(one.as_ref().err(), other.as_ref().err());
        for facts in WORLD.iter() {
            prop_assert_eq!(decide(&home, &[], &context, facts), decide(&shuffled, &[], &context, facts));
            if let (Ok(one), Ok(other)) = (&one, &other) {
                prop_assert_eq!(one.permits(facts), other.permits(facts));
            }
        }
    }

    #[test]
    fn a_further_deny_never_adds(
        home in vec(consents(), 0..4),
        deny in provisions(),
        context in contexts(),
    ) {
        let before = directives(&home);
        let deny = Provision { kind: ProvisionType::Deny, ..deny };
        let mut after = before.clone();
        after.push(Directive::new(DirectiveStatus::Active, deny, vec![]));
        for facts in WORLD.iter() {
            prop_assert!(decide(&before, &[], &context, facts) || !decide(&after, &[], &context, facts));
        }
    }

    #[test]
    fn a_nested_deny_never_adds(
        home in vec(consents(), 1..4),
        deny in provisions(),
        context in contexts(),
    ) {
        let before = directives(&home);
        let mut home = home;
        home[0].nested.push(Provision { kind: ProvisionType::Deny, ..deny });
        let after = directives(&home);
        for facts in WORLD.iter() {
            prop_assert!(decide(&before, &[], &context, facts) || !decide(&after, &[], &context, facts));
        }
    }

    #[test]
    fn local_directives_never_widen(
        home in vec(consents(), 0..4),
        local in vec(consents(), 0..3),
        context in contexts(),
    ) {
        let (home, local) = (directives(&home), directives(&local));
        for facts in WORLD.iter() {
            let both = decide(&home, &local, &context, facts);
            prop_assert!(decide(&home, &[], &context, facts) || !both);
            if let Ok(projection) = project(&home, &context, Scope::ALL) {
                let here = Effective::new(projection.scope, projection.residual, local.clone(), context.clone());
                prop_assert_eq!(here.permits(facts), both);
            }
        }
    }

    #[test]
    fn a_narrower_scope_never_widens(
        home in vec(consents(), 0..4),
        context in contexts(),
        (wide, narrow) in (scopes(), scopes()).prop_map(|(one, other)| (one.or(other), one)),
    ) {
        let home = directives(&home);
        if let (Ok(wide), Ok(narrow)) = (effective(&home, &context, wide), effective(&home, &context, narrow)) {
            for facts in WORLD.iter() {
                prop_assert!(wide.permits(facts) || !narrow.permits(facts));
            }
        }
    }

    /// What a token carries stays true until the moment that the projection names.
    #[test]
    fn nothing_changes_before_the_projection_says_so(
        home in vec(consents(), 1..5),
        context in contexts(),
        day in select(vec!["2026-06-30", "2026-07-01", "2026-07-02"]),
    ) {
        let home = directives(&home);
        let later = Context { at: noon(day), ..context.clone() };
        let Ok(projection) = project(&home, &context, Scope::ALL) else { return Ok(()) };
        if later.at < context.at || projection.changes_at.is_some_and(|change| later.at >= change) {
            return Ok(());
        }
        for facts in WORLD.iter() {
            prop_assert_eq!(decide(&home, &[], &context, facts), decide(&home, &[], &later, facts));
        }
    }
}

fn permit(classes: Scope) -> Directive {
    let mut root = Provision::any(ProvisionType::Permit);
    root.criteria.classes = Some(classes);
    Directive::new(DirectiveStatus::Active, root, vec![])
}

fn treat() -> Context {
    Context {
        requester: member("0110000003"),
        practitioner: None,
        purpose: Purpose::Treat,
        at: noon("2026-07-01"),
    }
}

#[test]
fn five_directives_that_only_permit_fit_one_group() {
    let home: Vec<_> = Category::RELEASABLE[..5]
        .iter()
        .map(|it| permit([*it].into_iter().collect()))
        .collect();
    assert_eq!(
        project(&home, &treat(), Scope::ALL)
            .unwrap()
            .scope
            .to_string(),
        "lab rx vital allergy condition"
    );
}

#[test]
fn five_directives_with_exceptions_are_too_complex_never_widened() {
    let with_exception = |category: &Category| {
        let mut root = Provision::any(ProvisionType::Permit);
        root.criteria.classes = Some([*category].into_iter().collect());
        let mut exception = Provision::any(ProvisionType::Deny);
        exception.criteria.labels = LabelTerms::default().with_word("PSY");
        Directive::new(DirectiveStatus::Active, root, vec![exception])
    };
    let home: Vec<_> = Category::RELEASABLE[..5]
        .iter()
        .map(with_exception)
        .collect();
    assert_eq!(
        project(&home, &treat(), Scope::ALL),
        Err(Refusal::ConsentTooComplex)
    );
    let asked = Scope::EMPTY.with(Category::Lab).with(Category::Rx);
    assert!(
        project(&home, &treat(), asked).is_ok(),
        "what is not asked for need not fit"
    );
}

#[test]
fn break_glass_is_projected_into_no_token() {
    let context = Context {
        purpose: Purpose::Btg,
        ..treat()
    };
    assert_eq!(
        project(&[permit(Scope::ALL)], &context, Scope::ALL),
        Err(Refusal::ConsentNotGranted)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Exactly the tokens end that let out what the directives no longer do: never one that loses
    /// nothing (the example given is a real one), and none lives on that loses a resource of the
    /// world, today or on a later day of its life.
    #[test]
    fn a_token_ends_exactly_when_it_lets_out_what_the_directives_no_longer_do(
        before in vec(consents(), 1..4),
        kept in any::<u8>(),
        added in vec(consents(), 0..3),
        context in contexts(),
        asked in scopes(),
        hours in 1_i64..40,
    ) {
        let Ok(token) = effective(&directives(&before), &context, asked) else {
            return Ok(());
        };
        let projection = project(&directives(&before), &context, asked).unwrap();
        let left = before.into_iter().enumerate().filter(|(at, _)| kept & (1 << at) != 0);
        let after: Vec<Stated> = left.map(|(_, one)| one).chain(added).collect();
        let parsed = directives(&after);
        let until = context.at.plus_seconds(hours * 3_600);
        let loss = first_loss(projection.scope, &projection.residual, &parsed, &context, until);

        prop_assert_ne!(&loss, &Some(Loss::Unknown));
        if let Some(Loss::Of { at, facts }) = &loss {
            let then = Context { at: *at, ..context.clone() };
            prop_assert!(context.at <= *at && *at < until);
            prop_assert!(token.permits(facts) && !oracle(&after, &then, facts), "{:?}", facts);
        }
        for hour in 0..hours {
            let then = Context { at: context.at.plus_seconds(hour * 3_600), ..context.clone() };
            let lost = |facts: &&ResourceFacts| {
                token.permits(facts) && !oracle(&after, &then, facts)
            };
            let example = WORLD.iter().find(lost);
            prop_assert!(loss.is_some() || example.is_none(), "{:?} {:?}", then, example);
        }
    }
}

/// The same consent, of another purpose: each provision's by its place.
fn for_purposes(mut stated: Stated, purposes: &[Vec<Purpose>]) -> Stated {
    let all = std::iter::once(&mut stated.root).chain(&mut stated.nested);
    for (provision, purposes) in all.zip(purposes.iter().cycle()) {
        provision.purposes.clone_from(purposes);
    }
    stated
}

fn emergency_consents() -> impl Strategy<Value = Stated> {
    let purposes = select(vec![
        vec![],
        vec![Purpose::Btg],
        vec![Purpose::Treat],
        vec![Purpose::Treat, Purpose::Btg],
    ]);
    (consents(), vec(purposes, 1..5)).prop_map(|(stated, purposes)| for_purposes(stated, &purposes))
}

fn in_the_floor(facts: &ResourceFacts) -> bool {
    EMERGENCY_FLOOR.contains(&facts.category)
        && facts.labels.confidentiality() == Confidentiality::Normal
}

fn opened(local: &[Stated], context: &Context) -> Vec<ResourceFacts> {
    let release = EmergencyRelease::new(directives(local), context.clone());
    let looked_at: Vec<Category> = release.categories().collect();
    let open = WORLD.iter().filter(|facts| release.permits(facts));
    open.inspect(|facts| assert!(looked_at.contains(&facts.category)))
        .cloned()
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Break-glass: never wider than the floor unless a permit names emergencies.
    #[test]
    fn an_emergency_opens_no_more_than_the_floor_unless_the_person_allowed_more(
        local in vec(emergency_consents(), 0..4), context in contexts(),
    ) {
        let says_more = |one: &Stated| {
            let mut all = std::iter::once(&one.root).chain(&one.nested);
            let root = one.root.purposes.contains(&Purpose::Btg);
            all.any(|it| it.kind == ProvisionType::Permit
                && (it.purposes.contains(&Purpose::Btg) || (it.purposes.is_empty() && root)))
        };
        for facts in opened(&local, &context) {
            prop_assert!(facts.category != Category::Other);
            prop_assert!(in_the_floor(&facts) || local.iter().any(says_more), "{:?}", facts);
        }
        let silent: Vec<Stated> = local.into_iter().filter(|one| !says_more(one)).collect();
        prop_assert!(opened(&silent, &context).iter().all(in_the_floor));
    }

    /// Break-glass: a deny removes, whatever else is said, and the order says nothing.
    #[test]
    fn a_deny_never_adds_in_an_emergency_and_the_order_says_nothing(
        local in vec(emergency_consents(), 0..4), deny in emergency_consents(),
        context in contexts(),
    ) {
        let before = opened(&local, &context);
        let mut reversed = local.clone();
        reversed.reverse();
        prop_assert_eq!(&opened(&reversed, &context), &before);
        let mut deny = deny;
        for provision in std::iter::once(&mut deny.root).chain(&mut deny.nested) {
            provision.kind = ProvisionType::Deny;
        }
        let with: Vec<Stated> = local.into_iter().chain([deny]).collect();
        prop_assert!(opened(&with, &context).iter().all(|facts| before.contains(facts)));
        let all = Stated {
            status: DirectiveStatus::Active,
            root: Provision::any(ProvisionType::Deny),
            nested: Vec::new(),
        };
        let with: Vec<Stated> = with.into_iter().chain([all]).collect();
        prop_assert!(opened(&with, &context).is_empty());
    }
}
