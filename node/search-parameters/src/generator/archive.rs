//! The definitions in a FHIR package: a gzipped tar, with or without its `package/` folder.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::expression::ExpressionError;

/// Why the tables could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// Not a gzipped tar, or cut short.
    #[error("the archive cannot be read")]
    Read(#[from] std::io::Error),
    /// A definition of another shape than R4's.
    #[error("{file} is not the definition that its name says")]
    Definition {
        /// Its name in the archive.
        file: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// An expression outside the part of FHIRPath that is evaluated.
    #[error("the expression of {url} on {on} cannot be compiled")]
    Expression {
        /// The parameter.
        url: String,
        /// The type.
        on: String,
        /// Why.
        source: ExpressionError,
    },
    /// A composite whose component is not defined in the packages.
    #[error("{url} is a component of a parameter, but not defined")]
    Component {
        /// The component's definition.
        url: String,
    },
}

/// What is read of a package.
#[derive(Debug, Default)]
pub(super) struct Package {
    pub(super) parameters: Vec<Definition>,
    pub(super) structures: Vec<Structure>,
    pub(super) patient_compartment: Vec<Member>,
}

/// A SearchParameter.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Definition {
    pub(super) url: String,
    pub(super) code: String,
    #[serde(default)]
    pub(super) base: Vec<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) expression: Option<String>,
    #[serde(default)]
    pub(super) target: Vec<String>,
    #[serde(default)]
    pub(super) component: Vec<ListedComponent>,
}

/// A component as its composite lists it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ListedComponent {
    pub(super) definition: String,
    pub(super) expression: String,
}

/// A StructureDefinition.
#[derive(Debug, Deserialize)]
pub(super) struct Structure {
    pub(super) url: String,
    #[serde(rename = "type")]
    pub(super) name: String,
    pub(super) kind: String,
    #[serde(rename = "abstract")]
    pub(super) is_abstract: bool,
    pub(super) derivation: Option<String>,
    #[serde(default)]
    pub(super) snapshot: Snapshot,
}

/// Its elements.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Snapshot {
    pub(super) element: Vec<ListedElement>,
}

/// One of its elements.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedElement {
    pub(super) path: String,
    #[serde(rename = "type", default)]
    pub(super) types: Vec<ListedType>,
    pub(super) content_reference: Option<String>,
    #[serde(default)]
    pub(super) min: u32,
    #[serde(default)]
    pub(super) is_summary: bool,
}

/// A type that it may have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedType {
    pub(super) code: String,
    #[serde(default)]
    pub(super) extension: Vec<TypeExtension>,
}

/// The FHIR type behind one of FHIRPath's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TypeExtension {
    pub(super) url: String,
    pub(super) value_url: Option<String>,
}

/// A type in a compartment.
#[derive(Debug, Deserialize)]
pub(super) struct Member {
    pub(super) code: String,
    #[serde(default)]
    pub(super) param: Vec<String>,
}

#[derive(Deserialize)]
struct Compartment {
    #[serde(default)]
    resource: Vec<Member>,
}

impl Package {
    /// Reads what belongs to the package by its URL: `canonical` is what all of them begin with.
    /// Published archives carry stray definitions of other projects.
    pub(super) fn read(gzipped: &[u8], canonical: &str) -> Result<Self, ArchiveError> {
        let mut package = Self::default();
        for entry in tar::Archive::new(GzDecoder::new(gzipped)).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            let Some(file) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let mut read = || {
                let mut text = Vec::new();
                entry.read_to_end(&mut text).map(|_| text)
            };
            if file.starts_with("SearchParameter-") {
                let definition: Definition = parsed(file, &read()?)?;
                if definition.url.starts_with(canonical) {
                    package.parameters.push(definition);
                }
            } else if file.starts_with("StructureDefinition-") {
                let structure: Structure = parsed(file, &read()?)?;
                let constraint = structure.derivation.as_deref() == Some("constraint");
                if structure.url.starts_with(canonical) && !constraint {
                    package.structures.push(structure);
                }
            } else if file == "CompartmentDefinition-patient.json" {
                let compartment: Compartment = parsed(file, &read()?)?;
                package.patient_compartment = compartment.resource;
            }
        }
        Ok(package)
    }
}

fn parsed<'t, T: Deserialize<'t>>(file: &str, text: &'t [u8]) -> Result<T, ArchiveError> {
    serde_json::from_slice(text).map_err(|source| ArchiveError::Definition {
        file: file.to_owned(),
        source,
    })
}
