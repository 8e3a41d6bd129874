//! What can be typed.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};
use town_generator::{Enough, Order};

/// Synthetic charts of a town in Hokkaido, as FHIR R4 (JP Core 1.2.0) NDJSON, one file a hospital.
///
/// The same seed gives the same bytes, on every machine, for one version of this program.
#[derive(Debug, Parser)]
#[command(
    name = "town-generator",
    version,
    after_help = "Examples:\n  \
        town-generator --patients 1000 --hospitals 3 --seed 7 --out town\n  \
        town-generator --resources 1000000 --seed 7 --out town\n  \
        town-generator --patients 1000 --seed 7 --hospital 2 --out - | musubi-node load - \
        --format ndjson\n\n\
        Exit codes: 0 ok, 1 failure, 2 usage."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    size: Size,
    /// How many hospitals the town has, 1 to 500
    #[arg(long, value_name = "M", default_value_t = 3,
          value_parser = clap::value_parser!(u16).range(1..=500))]
    hospitals: u16,
    /// The number that everything follows from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Write this hospital alone, 1 to M; the others are not made
    #[arg(long, value_name = "K")]
    hospital: Option<u16>,
    /// Folder for hospital-00001.ndjson, … and town.json; `-`: standard output, with --hospital
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Size {
    /// How many people the town has
    #[arg(long, value_name = "N")]
    patients: Option<u32>,
    /// Stop with the patient whose charts make N resources, over the hospitals that are written
    #[arg(long, value_name = "N")]
    resources: Option<u64>,
}

/// Where the town goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Folder(PathBuf),
    /// One hospital to standard output.
    Stream(u16),
}

impl Cli {
    /// What was ordered, and where to.
    ///
    /// # Errors
    /// A usage error, where the options contradict each other.
    pub(crate) fn order(self) -> Result<(Order, Place), clap::Error> {
        if let Some(hospital) = self.hospital
            && !(1..=self.hospitals).contains(&hospital)
        {
            let said = format!("--hospital {hospital}: there are 1 to {}", self.hospitals);
            return Err(Self::command().error(ErrorKind::ValueValidation, said));
        }
        let enough = match (self.size.resources, self.size.patients) {
            (Some(resources), _) => Enough::Resources(resources),
            (None, patients) => Enough::Patients(patients.unwrap_or(0)),
        };
        let place = match (self.out.as_os_str() == "-", self.hospital) {
            (false, _) => Place::Folder(self.out),
            (true, Some(hospital)) => Place::Stream(hospital),
            (true, None) => {
                let said = "--out - needs --hospital: standard output takes one hospital";
                return Err(Self::command().error(ErrorKind::MissingRequiredArgument, said));
            }
        };
        let order = Order {
            seed: self.seed,
            enough,
            hospitals: self.hospitals,
            only: self.hospital,
        };
        Ok((order, place))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    fn typed(line: &str) -> Result<(Order, Place), clap::Error> {
        let words = std::iter::once("town-generator").chain(line.split_whitespace());
        Cli::try_parse_from(words).and_then(Cli::order)
    }

    #[test]
    fn a_whole_town_goes_to_a_folder() {
        let (order, place) = typed("--patients 10 --hospitals 4 --seed 7 --out town").unwrap();
        let wanted = Order {
            seed: 7,
            enough: Enough::Patients(10),
            hospitals: 4,
            only: None,
        };
        assert_eq!((order, place), (wanted, Place::Folder("town".into())));
    }

    #[test]
    fn standard_output_takes_one_hospital() {
        let (order, place) = typed("--resources 10 --hospital 2 --out -").unwrap();
        assert_eq!((order.only, place), (Some(2), Place::Stream(2)));
        assert_eq!(order.enough, Enough::Resources(10));
        assert!(typed("--resources 10 --out -").is_err());
    }

    #[test]
    fn contradictions_are_usage_errors() {
        for line in [
            "--out town",
            "--patients 1 --resources 1 --out town",
            "--patients 1",
            "--patients 1 --hospital 4 --out town",
            "--patients 1 --hospital 0 --out town",
            "--patients 1 --hospitals 0 --out town",
        ] {
            assert_eq!(typed(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
