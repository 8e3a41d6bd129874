//! SS-MIX2: what a scan does about each file and unit, and the doing of it.

use std::collections::BTreeSet;

use ssmix2::Institution;

use crate::access::Permit;
use crate::database::HospitalConnection;
use crate::records::Records;

use super::seen::SeenFile;
use super::tree::FORMAT;
use super::unit::{Ledger, Saying};
use super::{Became, ImportError, Refusal, store, take_in};

/// What is to be done about one file or unit.
#[derive(Clone)]
pub(super) enum Deed {
    /// A file was read; `before` is the unit that it spoke for until now.
    Heard {
        file: SeenFile,
        before: Option<String>,
        saying: Saying,
    },
    /// A file cannot be read. If it could be once, what it said stays.
    Refused { file: SeenFile, refusal: Refusal },
    /// A file was renamed to 2: it no longer speaks, and what it said stays until the file that
    /// replaces it was read.
    Retired(SeenFile),
    /// A file was renamed to 0: it no longer speaks.
    Silent(SeenFile),
    /// The unit's file is gone, and this is the next that speaks for it.
    Settled(Saying),
    /// The unit's files are gone.
    Withdrawn(String),
}

impl Deed {
    /// The units that it is about.
    fn units(&self) -> [Option<&str>; 2] {
        match self {
            Self::Heard { before, saying, .. } => [before.as_deref(), Some(&saying.unit)],
            Self::Refused { .. } => [None, None],
            Self::Retired(file) | Self::Silent(file) => [file.unit.as_deref(), None],
            Self::Settled(saying) => [Some(&saying.unit), None],
            Self::Withdrawn(unit) => [Some(unit), None],
        }
    }

    /// Whether a retired file need not be remembered any longer.
    fn replaces(&self, retired: &SeenFile) -> bool {
        match self {
            Self::Heard { file, saying, .. } => {
                retired.unit.as_ref() == Some(&saying.unit) && file.slot() == retired.slot()
            }
            Self::Settled(saying) => retired.unit.as_ref() == Some(&saying.unit),
            Self::Withdrawn(unit) => retired.unit.as_ref() == Some(unit),
            Self::Refused { .. } | Self::Retired(_) | Self::Silent(_) => false,
        }
    }
}

/// What cannot be read.
pub(super) fn refusals(deeds: &[Deed]) -> Vec<Refusal> {
    let refused = deeds.iter().filter_map(|deed| match deed {
        Deed::Refused { refusal, .. } => Some(refusal.clone()),
        _ => None,
    });
    refused.collect()
}

/// Does deeds in the caller's transaction: files, units, records.
pub(super) fn carry_out(
    connection: &mut HospitalConnection,
    deeds: &[Deed],
    institution: &Institution,
    (records, permit): (&Records, &Permit),
) -> Result<Vec<Became>, ImportError> {
    let keys: BTreeSet<&str> = deeds.iter().flat_map(Deed::units).flatten().collect();
    let keys: Vec<&str> = keys.into_iter().collect();
    let units = store::units(connection, institution, &keys)?;
    let mut ledger = Ledger::over(units);
    let source = format!("{FORMAT} {}", institution.as_str());
    for deed in deeds {
        match deed {
            Deed::Heard {
                file,
                before,
                saying,
            } => {
                if let Some(before) = before.as_ref().filter(|before| **before != saying.unit) {
                    ledger.fall_silent(before, &file.stem);
                }
                ledger.hear(saying);
                store::remember_file(connection, institution, file)?;
                store::release(connection, &source, &file.place())?;
            }
            Deed::Refused { file, .. } => store::remember_file(connection, institution, file)?,
            Deed::Retired(file) => {
                store::forget_file(connection, institution, &file.stem)?;
                if let Some(unit) = &file.unit {
                    ledger.fall_silent(unit, &file.stem);
                    store::remember_file(connection, institution, file)?;
                }
                store::release(connection, &source, &file.place())?;
            }
            Deed::Silent(file) => {
                if let Some(unit) = &file.unit {
                    ledger.fall_silent(unit, &file.stem);
                }
                store::forget_file(connection, institution, &file.stem)?;
                store::release(connection, &source, &file.place())?;
            }
            Deed::Settled(saying) => ledger.replace(saying),
            Deed::Withdrawn(unit) => ledger.withdraw(unit),
        }
    }
    for (key, unit) in ledger.changed() {
        store::remember_unit(connection, institution, key, unit)?;
    }
    for key in ledger.withdrawn() {
        store::forget_unit(connection, institution, key)?;
    }
    for file in store::retired(connection, institution, &keys)? {
        if deeds.iter().any(|deed| deed.replaces(&file)) {
            store::forget_file(connection, institution, &file.stem)?;
        }
    }
    take_in(records, permit, connection, ledger.into_intakes())
}
