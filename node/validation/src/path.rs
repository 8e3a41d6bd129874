//! Where in a resource the walk stands; written out only when there is an issue to tell.

/// One step below a parent. Lives on the stack of the walk.
#[derive(Clone, Copy)]
pub(crate) struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    name: &'p str,
    index: Option<usize>,
}

impl<'p> Path<'p> {
    /// The resource itself, by its type.
    pub(crate) fn root(name: &'p str) -> Self {
        Path {
            parent: None,
            name,
            index: None,
        }
    }

    /// An element below this one; `index` where the element repeats.
    pub(crate) fn child(&'p self, name: &'p str, index: Option<usize>) -> Path<'p> {
        Path {
            parent: Some(self),
            name,
            index,
        }
    }

    /// As FHIRPath: `Patient.name[1].family`.
    pub(crate) fn render(&self) -> String {
        let mut steps = Vec::new();
        let mut at = Some(self);
        while let Some(path) = at {
            steps.push(match path.index {
                Some(index) => format!("{}[{index}]", path.name),
                None => path.name.to_owned(),
            });
            at = path.parent;
        }
        steps.reverse();
        steps.join(".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_fhirpath() {
        let root = Path::root("Patient");
        let name = root.child("name", Some(1));
        assert_eq!(
            name.child("family", None).render(),
            "Patient.name[1].family"
        );
    }
}
