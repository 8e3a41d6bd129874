//! Code systems and profiles. Only the few codes that the mapping needs: no terminology is shipped.

pub(crate) const PROFILE: &str = "http://jpfhir.jp/fhir/core/StructureDefinition/";
pub(crate) const JP_CATEGORY: &str =
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_SimpleObservationCategory_CS";
pub(crate) const HL7_CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
pub(crate) const JP_BODY: &str =
    "http://jpfhir.jp/fhir/core/CodeSystem/JP_ObservationBodyMeasurementCode_CS";
pub(crate) const MEDIS_NURSING: &str =
    "http://medis.or.jp/CodeSystem/master-nursingObservationKeyCode";
pub(crate) const LOINC: &str = "http://loinc.org";
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";
/// Of the digest that makes one measurement one resource.
pub(crate) const KEY_SYSTEM: &str = "urn:musubi:vital-key:1";
