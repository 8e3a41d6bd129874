//! The ZIP archive that a phone makes: which of its files is the export, and what else is in it.
//!
//! Nothing is written anywhere: names inside are looked at to find the export, and never used as
//! paths.

use std::io::{BufReader, Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::bounded::{Bound, Budgeted, Unpacked};
use crate::{ExportError, Limits, Skipped, Summary};

/// An archive with an export in it.
pub(crate) struct Archive<R> {
    zip: ZipArchive<Budgeted<R>>,
    export: usize,
}

/// An export may always be so large, however well it is packed.
const ALWAYS_ALLOWED_BYTES: u64 = 16 << 20;

impl<R: Read + Seek> Archive<R> {
    /// Opens an archive, and counts in `summary` what is left out of it.
    ///
    /// # Errors
    /// `Archive`, `NoExport`.
    pub(crate) fn open(
        file: R,
        limits: &Limits,
        summary: &mut Summary,
    ) -> Result<Self, ExportError> {
        let (file, budget) = Budgeted::new(file, limits.most_directory_bytes);
        let zip = ZipArchive::new(file).map_err(|error| refused(&error))?;
        budget.lift();
        let mut export = None;
        for (index, name) in zip.file_names_raw().enumerate() {
            match Part::of(name) {
                Part::Export => export = export.or(Some(index)),
                Part::Skipped(reason) => summary.skip(reason),
                Part::Unknown => {}
            }
        }
        let export = export.ok_or(ExportError::NoExport)?;
        Ok(Self { zip, export })
    }

    /// The XML, as it is unpacked.
    ///
    /// # Errors
    /// `Encrypted`, `Bomb` for what claims to be too large, `Archive`.
    pub(crate) fn xml(
        &mut self,
        limits: &Limits,
    ) -> Result<BufReader<Unpacked<impl Read>>, ExportError> {
        let claimed = self.zip.by_index_data(self.export);
        let claimed = claimed.map_err(|error| refused(&error))?;
        if claimed.encrypted() {
            return Err(ExportError::Encrypted);
        }
        let by_ratio = claimed
            .compressed_size()
            .saturating_mul(limits.most_unpacked_per_byte)
            .max(ALWAYS_ALLOWED_BYTES);
        let most = limits.most_xml_bytes.min(by_ratio);
        // What is claimed may be a lie either way; what is read is counted.
        if claimed.size() > most {
            return Err(ExportError::Bomb);
        }
        let entry = self.zip.by_index(self.export);
        let entry = entry.map_err(|error| refused(&error))?;
        Ok(BufReader::with_capacity(
            64 << 10,
            Unpacked::new(entry, most),
        ))
    }
}

fn refused(error: &ZipError) -> ExportError {
    match error {
        ZipError::Io(io) if Bound::of(io).is_some() => ExportError::Bomb,
        ZipError::InvalidPassword => ExportError::Encrypted,
        _ => ExportError::Archive,
    }
}

/// What a file of the archive is.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Export,
    Skipped(Skipped),
    Unknown,
}

impl Part {
    /// By the end of its name, whichever folder a phone's language puts it in. Names are compared
    /// as bytes of UTF-8, whether the archive says that they are or not.
    fn of(name: &[u8]) -> Self {
        let Ok(name) = std::str::from_utf8(name) else {
            return Self::Unknown;
        };
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let folder = folder.rsplit('/').next().unwrap_or_default();
        // Archives made on a Mac carry shadows of each file.
        let shadow = name.starts_with("__MACOSX/") || file.starts_with("._");
        match file {
            _ if shadow => Self::Unknown,
            "export.xml" | "書き出したデータ.xml" => Self::Export,
            "export_cda.xml" => Self::Skipped(Skipped::CdaDocument),
            _ if file.ends_with(".csv") && folder == "electrocardiograms" => {
                Self::Skipped(Skipped::Electrocardiogram)
            }
            _ if file.ends_with(".csv") && file.starts_with("ecg_") => {
                Self::Skipped(Skipped::Electrocardiogram)
            }
            _ if file.ends_with(".gpx") => Self::Skipped(Skipped::Route),
            _ if file.ends_with(".json") && folder == "clinical-records" => {
                Self::Skipped(Skipped::ClinicalRecord)
            }
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_the_end_of_its_name() {
        let of = |name: &str| Part::of(name.as_bytes());
        for export in [
            "apple_health_export/export.xml",
            "export.xml",
            "apple_health_export/書き出したデータ.xml",
            "../../etc/export.xml",
        ] {
            assert_eq!(of(export), Part::Export, "{export}");
        }
        let skipped = |name| match of(name) {
            Part::Skipped(reason) => Some(reason),
            _ => None,
        };
        assert_eq!(
            skipped("apple_health_export/electrocardiograms/ecg_2026-01-14.csv"),
            Some(Skipped::Electrocardiogram)
        );
        assert_eq!(
            skipped("apple_health_export/workout-routes/route_2026-01-14.gpx"),
            Some(Skipped::Route)
        );
        assert_eq!(
            skipped("apple_health_export/export_cda.xml"),
            Some(Skipped::CdaDocument)
        );
        for unknown in [
            "__MACOSX/apple_health_export/._export.xml",
            "export.xml/readme",
            "EXPORT.XML.exe",
        ] {
            assert_eq!(of(unknown), Part::Unknown, "{unknown}");
        }
    }
}
