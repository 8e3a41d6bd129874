//! The town as files: one NDJSON file a hospital, and a list of who has charts where. Written as it
//! is made: memory does not grow with the town.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::json::{Number, Object, object};
use crate::town::{Chart, House, Resident, Town};

/// Of each file's writer, in bytes.
const BUFFER: usize = 64 * 1024;

/// When the town is large enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enough {
    /// With this many patients.
    Patients(u32),
    /// With the patient whose charts bring the resources that are written to this number.
    Resources(u64),
}

/// Which town is wanted, and which of its hospitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// From which everything follows.
    pub seed: u64,
    /// How large.
    pub enough: Enough,
    /// How many hospitals the town has.
    pub hospitals: u16,
    /// The one hospital that is written; `None`: all of them.
    pub only: Option<u16>,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Who were looked at; with one hospital written, some have no chart there.
    pub patients: u64,
    /// A patient at a hospital.
    pub charts: u64,
    /// Lines.
    pub resources: u64,
    /// Of NDJSON, line breaks included.
    pub bytes: u64,
}

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", file.display())]
pub struct DeliveryError {
    /// Which; `-` is standard output.
    pub file: PathBuf,
    /// Why.
    pub error: std::io::Error,
}

impl Order {
    /// Writes `hospital-00001.ndjson` and so on, and `town.json`, into `folder`, which is made if it
    /// is not there; files of these names are replaced. `progress` hears of every patient.
    ///
    /// # Errors
    /// The first file that could not be written. What was written before stays.
    pub fn to_folder(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(&Tally),
    ) -> Result<Tally, DeliveryError> {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        let town = self.town();
        let mut files = Vec::new();
        for house in self.written().filter_map(|number| town.house(number)) {
            files.push(Sheet::create(folder, house)?);
        }
        let mut list = List::create(folder, self)?;
        self.walk(&mut files, progress, |resident| list.add(resident))
            .and_then(|tally| {
                let written = files.into_iter().map(Sheet::finish);
                let written = written.collect::<Result<Vec<Object>, _>>()?;
                list.finish(written, &tally)?;
                Ok(tally)
            })
    }

    /// Writes one hospital's lines to `out`.
    ///
    /// # Errors
    /// `out` could not be written.
    pub fn to_stream(
        &self,
        hospital: u16,
        out: Box<dyn Write>,
        progress: &mut dyn FnMut(&Tally),
    ) -> Result<Tally, DeliveryError> {
        let order = Self {
            only: Some(hospital),
            ..*self
        };
        let mut sheets = Vec::new();
        if let Some(house) = order.town().house(hospital) {
            sheets.push(Sheet::begin(PathBuf::from("-"), out, house)?);
        }
        let tally = order.walk(&mut sheets, progress, |_| Ok(()))?;
        for sheet in sheets {
            sheet.finish()?;
        }
        Ok(tally)
    }

    fn town(&self) -> Town {
        let patients = match self.enough {
            Enough::Patients(patients) => patients,
            Enough::Resources(_) => u32::MAX,
        };
        Town::new(self.seed, patients, self.hospitals)
    }

    /// The hospitals that are written.
    fn written(&self) -> RangeInclusive<u16> {
        match self.only {
            Some(only) => only..=only,
            None => 1..=self.hospitals,
        }
    }

    fn is_enough(&self, tally: &Tally) -> bool {
        match self.enough {
            Enough::Patients(_) => false,
            Enough::Resources(resources) => tally.resources >= resources,
        }
    }

    /// From patient to patient, each chart to its hospital's sheet.
    fn walk(
        &self,
        sheets: &mut [Sheet],
        progress: &mut dyn FnMut(&Tally),
        mut meet: impl FnMut(&Resident) -> Result<(), DeliveryError>,
    ) -> Result<Tally, DeliveryError> {
        let mut tally = Tally::default();
        for sheet in &mut *sheets {
            tally.resources += sheet.resources;
            tally.bytes += sheet.bytes;
        }
        for (resident, charts) in self.town().patients(self.written()) {
            if self.is_enough(&tally) {
                break;
            }
            meet(&resident)?;
            for (hospital, chart) in &charts {
                let sheet = sheets.iter_mut().find(|sheet| sheet.number == *hospital);
                if let Some(sheet) = sheet {
                    let bytes = sheet.bytes;
                    sheet.file_chart(chart)?;
                    tally.bytes += sheet.bytes - bytes;
                    tally.resources += u64::try_from(chart.resources.len()).unwrap_or(0);
                    tally.charts += 1;
                }
            }
            tally.patients += 1;
            progress(&tally);
        }
        Ok(tally)
    }
}

fn failed(file: &Path, error: std::io::Error) -> DeliveryError {
    DeliveryError {
        file: file.to_owned(),
        error,
    }
}

/// One hospital's file.
struct Sheet {
    path: PathBuf,
    out: BufWriter<Box<dyn Write>>,
    number: u16,
    institution: String,
    name: String,
    charts: u64,
    resources: u64,
    bytes: u64,
}

impl Sheet {
    fn create(folder: &Path, house: House) -> Result<Self, DeliveryError> {
        let path = folder.join(format!("hospital-{:05}.ndjson", house.number));
        let file = File::create(&path).map_err(|error| failed(&path, error))?;
        Self::begin(path, Box::new(file), house)
    }

    /// With the house and its staff, which every chart refers to.
    fn begin(path: PathBuf, out: Box<dyn Write>, house: House) -> Result<Self, DeliveryError> {
        let mut sheet = Self {
            path,
            out: BufWriter::with_capacity(BUFFER, out),
            number: house.number,
            institution: house.institution,
            name: house.name,
            charts: 0,
            resources: 0,
            bytes: 0,
        };
        sheet.lines(&house.resources)?;
        Ok(sheet)
    }

    fn file_chart(&mut self, chart: &Chart) -> Result<(), DeliveryError> {
        self.charts += 1;
        self.lines(&chart.resources)
    }

    fn lines(&mut self, lines: &[String]) -> Result<(), DeliveryError> {
        for line in lines {
            let written = self.out.write_all(line.as_bytes());
            written
                .and_then(|()| self.out.write_all(b"\n"))
                .map_err(|error| failed(&self.path, error))?;
            self.resources += 1;
            self.bytes += u64::try_from(line.len()).unwrap_or(0) + 1;
        }
        Ok(())
    }

    /// What `town.json` says about it.
    fn finish(mut self) -> Result<Object, DeliveryError> {
        self.out
            .flush()
            .map_err(|error| failed(&self.path, error))?;
        let file = self.path.file_name().map(|name| name.to_string_lossy());
        Ok(object! {
            "hospital": count(self.number.into()),
            "institution": self.institution,
            "name": self.name,
            "file": file.as_deref(),
            "charts": count(self.charts),
            "resources": count(self.resources),
            "bytes": count(self.bytes),
        })
    }
}

/// `town.json`.
struct List {
    path: PathBuf,
    out: BufWriter<File>,
    empty: bool,
}

impl List {
    fn create(folder: &Path, order: &Order) -> Result<Self, DeliveryError> {
        let path = folder.join("town.json");
        let out = File::create(&path).map_err(|error| failed(&path, error))?;
        let mut list = Self {
            path,
            out: BufWriter::with_capacity(BUFFER, out),
            empty: true,
        };
        let version = env!("CARGO_PKG_VERSION");
        let (seed, hospitals, last_day) = (order.seed, order.hospitals, crate::LAST_DAY);
        list.write(&format!(
            "{{\"version\":\"{version}\",\"seed\":{seed},\"hospitals\":{hospitals},\
             \"last_day\":\"{last_day}\",\"residents\":["
        ))?;
        Ok(list)
    }

    fn add(&mut self, resident: &Resident) -> Result<(), DeliveryError> {
        let charts = resident.charts.iter().map(|(hospital, patient_id)| {
            object! { "hospital": count((*hospital).into()), "patient": patient_id }
        });
        let line = object! {
            "number": count(resident.number.into()),
            "insured_person_id": resident.insured_person_id,
            "diabetic": resident.diabetic,
            "sensitive": resident.sensitive,
            "charts": charts.collect::<Vec<_>>(),
        };
        let before = if self.empty { "\n" } else { ",\n" };
        self.empty = false;
        self.write(before)?;
        self.write(&line.into_text())
    }

    fn finish(mut self, files: Vec<Object>, tally: &Tally) -> Result<(), DeliveryError> {
        let files: Vec<String> = files.into_iter().map(Object::into_text).collect();
        let counts = object! {
            "patients": count(tally.patients),
            "charts": count(tally.charts),
            "resources": count(tally.resources),
            "bytes": count(tally.bytes),
        };
        let files = files.join(",\n");
        self.write(&format!(
            "\n],\"files\":[\n{files}\n],\"counts\":{}}}\n",
            counts.into_text()
        ))?;
        self.out.flush().map_err(|error| failed(&self.path, error))
    }

    fn write(&mut self, text: &str) -> Result<(), DeliveryError> {
        let written = self.out.write_all(text.as_bytes());
        written.map_err(|error| failed(&self.path, error))
    }
}

fn count(value: u64) -> Number {
    Number::from(value)
}
