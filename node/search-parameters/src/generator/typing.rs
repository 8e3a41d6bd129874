//! Of which types the elements are that an expression finds: the structures walked as evaluation
//! walks a resource.

use super::structure::{Place, Structures};
use crate::expression::{Root, Step, Term};
use crate::fhir_type::{FhirType, Sort};

/// The places that `term` leads to from `from`, each once.
pub(super) fn places(
    term: &Term,
    from: &[Place],
    resource: &str,
    structures: &Structures,
) -> Vec<Place> {
    let mut found = match term {
        Term::Path(root, steps) => {
            let begin = match root {
                Root::Context => from.to_vec(),
                Root::Resource => vec![resource.to_owned()],
                Root::Found(term) => places(term, from, resource, structures),
            };
            let step = |at: Vec<Place>, step| after(step, &at, structures);
            steps.iter().fold(begin, step)
        }
        Term::Union(branches) => {
            let branches = branches.iter();
            branches
                .flat_map(|branch| places(branch, from, resource, structures))
                .collect()
        }
        Term::Nth(term, _) => places(term, from, resource, structures),
        Term::Truth(_) => vec!["boolean".to_owned()],
    };
    found.sort_unstable();
    found.dedup();
    found
}

fn after(step: &Step, at: &[Place], structures: &Structures) -> Vec<Place> {
    let member = |name: &str| {
        let places = at.iter().flat_map(|from| structures.member(from, name));
        places.cloned().collect::<Vec<_>>()
    };
    match step {
        Step::Member(to) => member(&to.name),
        Step::MemberAs {
            plain, fhir_type, ..
        } => narrowed(member(plain), fhir_type),
        Step::OfType(wanted) => narrowed(at.to_vec(), wanted),
        Step::Where(_) => at.to_vec(),
        Step::Extension(_) => vec!["Extension".to_owned()],
    }
}

/// The wanted type, if there is one that may be it.
fn narrowed(places: Vec<Place>, wanted: &FhirType) -> Vec<Place> {
    let possible = |place: &Place| {
        place == wanted.name || (place == "Resource" && wanted.sort == Sort::Resource)
    };
    if places.iter().any(possible) {
        return vec![wanted.name.to_owned()];
    }
    Vec::new()
}
