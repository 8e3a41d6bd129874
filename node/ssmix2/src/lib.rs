//! SS-MIX2 standardised storage in, JP Core 1.2.0 resources out: file names, bytes and the
//! institution's number in; FHIR JSON and refusals out.
//!
//! Only [`Tree`] touches the file system; nothing here knows a database or a clock, or keeps
//! anything between two files. An importer walks the tree, asks each file's [`State`] what to do,
//! and stores one [`Chapter`] at a time:
//!
//! ```no_run
//! # use ssmix2::{Found, Institution, State, Step, Tree, read};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let institution: Institution = "0110000001".parse()?;
//! for found in Tree::scan("/srv/ssmix2") {
//!     let Found::File(file) = found else { continue };
//!     let seen_before: Option<State> = None; // by file.name.stem()
//!     if file.state().step_from(seen_before) == Step::Read {
//!         let chapter = read(&file.name, &file.read()?, &institution);
//!         // Ok: replace what chapter.key put in; Err: quarantine, with its reason.
//! #       let _ = chapter;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod administration;
mod allergy;
mod chapter;
mod coded;
mod condition;
mod coverage;
mod dosage;
mod element;
mod encounter;
mod hl7;
mod injection;
mod institution;
mod kind;
mod laboratory;
mod moment;
mod name;
mod observation;
mod order;
mod patient;
mod people;
mod prescription;
mod reading;
mod state;
mod systems;
mod text;
mod tree;

pub use chapter::{Chapter, Note, Oddity, Precedence, Quarantine, Reason, Resource, UnitKey};
pub use institution::{Institution, InstitutionError};
pub use kind::{Kind, KindError};
pub use name::{FileName, FileNameError, Flag};
pub use state::{State, Step};
pub use tree::{Found, StoredFile, StrayReason, Tree};

use hl7::{Message, Segment};
use reading::Reading;

/// The largest file that is read, in bytes. A day's results of one patient are some kilobytes.
pub const MAX_FILE_BYTES: usize = 8 << 20;

/// Reads one file: the chapter of the patient's chart that it is.
///
/// The flag in `name` is not looked at: what it means for an importer is [`Flag`]'s and
/// [`State::step_from`]'s to say. Nothing is refused for being clinically odd, and no text is
/// dropped because its code is unknown.
///
/// # Errors
/// In the order checked: `NotRead`, `TooLarge`, `Undecodable`, `NotHl7`, `WrongMessage`,
/// `NoPatient`, `PatientDiffers`, `Empty`, `TooLarge`. Details never say anything about the patient.
///
/// Source: facts section 4; RECORDS section 4.
pub fn read(
    name: &FileName,
    bytes: &[u8],
    institution: &Institution,
) -> Result<Chapter, Quarantine> {
    let kind = name.kind();
    if !kind.is_read() {
        return Err(Reason::NotRead.of(kind.as_str()));
    }
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Reason::TooLarge.of(""));
    }
    let (text, encoding) =
        text::decode(bytes).map_err(|text::Undecodable| Reason::Undecodable.of(""))?;
    let message = Message::parse(&text).map_err(|hl7::NotHl7| Reason::NotHl7.of(""))?;
    let event = event(kind, &message)?;
    let pid = patient(name, &message)?;
    let cancels = kind
        .events()
        .get(1)
        .is_some_and(|cancel| event.as_deref() == Some(cancel));
    let mut reading = Reading::of(institution, name, &message, cancels);
    if encoding != text::Encoding::Iso2022Jp {
        reading.note(Oddity::Encoding, "");
    }
    if message.stray_lines() > 0 {
        reading.note(Oddity::StrayLines, "");
    }
    if event.is_none_or(|event| !kind.events().contains(&event.as_str())) {
        reading.note(Oddity::Event, "MSH-9");
    }
    match kind {
        Kind::Adt00 => patient::read(&mut reading, pid)?,
        Kind::Adt61 => allergy::read(&mut reading)?,
        Kind::Ppr01 => condition::read(&mut reading)?,
        Kind::Omp01 => prescription::read(&mut reading)?,
        Kind::Omp02 => injection::read(&mut reading)?,
        Kind::Omp11 | Kind::Omp12 => administration::read(&mut reading)?,
        Kind::Oml01 => laboratory::order::read(&mut reading)?,
        Kind::Oml11 => laboratory::result::read(&mut reading)?,
        _ => encounter::read(&mut reading)?,
    }
    reading.chapter()
}

/// MSH-9's event, if its family is the kind's. A wrong event is tolerated, a wrong family is a
/// file in the wrong folder.
fn event(kind: Kind, message: &Message<'_>) -> Result<Option<String>, Quarantine> {
    let msh = message.first("MSH");
    let family = msh.and_then(|msh| msh.text(9));
    if family.as_deref() != Some(kind.family()) {
        let detail = format!("MSH-9 is no {}", kind.family());
        return Err(Reason::WrongMessage.of(detail));
    }
    Ok(msh.and_then(|msh| msh.field(9).component(2).text()))
}

/// The PID, if it is about the patient of the name: PID-3, the repetition of type PI if there is
/// one, else the first, sign by sign. Leading zeros count.
fn patient<'t>(name: &FileName, message: &Message<'t>) -> Result<Segment<'t>, Quarantine> {
    let missing = || Reason::NoPatient.of("no PID-3");
    let pid = message.first("PID").ok_or_else(missing)?;
    let numbers = || pid.field(3).repeats();
    let of_hospital = numbers().find(|number| number.component(5).text().as_deref() == Some("PI"));
    let number = of_hospital.or_else(|| numbers().next());
    let number = number
        .and_then(|number| number.component(1).text())
        .ok_or_else(missing)?;
    if number == name.patient() {
        Ok(pid)
    } else {
        Err(Reason::PatientDiffers.of("PID-3"))
    }
}
