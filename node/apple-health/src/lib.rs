//! What a phone measured, as JP Core 1.2.0 Observations: the export of Apple's Health app and the
//! JSON of exporter apps in; readings, FHIR JSON and counts of what was left out.
//!
//! Pure: a reader and a key in, nothing kept between two uploads. An export is read as a stream, so
//! that hundreds of megabytes need few of memory; what it may cost is said by [`Limits`].
//!
//! Names that owners give their devices (花子のApple Watch) never leave this package: a reading
//! carries a [`Source`], whose label says what kind of device it was and a pseudonym under the
//! caller's key.
//!
//! ```
//! # use apple_health::{Limits, Pseudonyms, read_export};
//! # use std::ops::ControlFlow;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let xml = br#"<HealthData><Record type="HKQuantityTypeIdentifierBodyMass" unit="lb" value="154.3"
//!     sourceName="x" startDate="2026-11-18 07:00:00 +0900" endDate="2026-11-18 07:00:00 +0900"/></HealthData>"#;
//! let pseudonyms = Pseudonyms::under(b"a key of this person's alone");
//! let mut found = Vec::new();
//! read_export(std::io::Cursor::new(xml), &Limits::default(), &pseudonyms, &mut |reading| {
//!     found.push(reading.observation("hana").json);
//!     ControlFlow::Continue(())
//! })?;
//! assert!(found[0].contains("69.99"));
//! # Ok(())
//! # }
//! ```

mod archive;
mod bounded;
mod error;
mod export;
mod exporter;
mod fhir;
mod kind;
mod limits;
mod moment;
mod observation;
mod pressure;
mod reading;
mod sleep;
mod source;
mod steps;
mod summary;
mod systems;
mod unit;
mod xml;

pub use error::{ExportError, ExporterError};
pub use export::{Format, read_export};
pub use exporter::{MAX_EXPORTER_BYTES, read_exporter};
pub use fhir::read_fhir;
pub use kind::{Kind, KindError, Range};
pub use limits::Limits;
pub use moment::{Moment, MomentError};
pub use observation::{Observation, TAG_CODE, TAG_SYSTEM, is_patient_generated};
pub use reading::{Meal, Reading, ReadingError, Value};
pub use source::{Device, Pseudonyms, Source};
pub use summary::{Skipped, Summary};
