//! Bundles and single resources, one a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::database::HospitalConnection;
use crate::records::{
    Done, Incoming, Intake, Outcome, RecordsError, Transacted, Validator, files_below, is_bundle,
};

use super::error::Ended;
use super::job::hexadecimal;
use super::parcel::Parcel;
use super::{Became, ImportError, Refusal, Run, fault, store, take_in};

/// The largest file, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

pub(super) async fn import(run: &mut Run<'_>, path: &Path) -> Result<(), ImportError> {
    let files = match path == Path::new("-") {
        true => vec![path.to_owned()],
        false => files_below(path, &["json"])?,
    };
    let of = u64::try_from(files.len()).ok();
    for (done, file) in (1..).zip(files) {
        import_file(run, &file).await?;
        run.tell(done, of);
    }
    Ok(())
}

async fn import_file(run: &mut Run<'_>, file: &Path) -> Result<(), ImportError> {
    let (source, body) = read(file).map_err(|error| ImportError::File {
        file: file.to_owned(),
        error,
    })?;
    run.sources.push(source.clone());
    let digest = hexadecimal(&Sha256::digest(&body));
    let wanted = digest.clone();
    let taken = move |connection: &mut _| store::is_bundle_taken(connection, &wanted);
    if run.import.database.read(taken).await? {
        run.report.left += 1;
        run.given += 1;
        return release(run, source).await;
    }
    run.report.files += 1;
    let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
    run.report.bytes += size;
    let became = if size > LARGEST {
        Err("the file is larger than 64 MiB".to_owned())
    } else if is_bundle(&body) {
        bundle(run, &source, &body, digest).await?
    } else {
        resource(run, &source, &body).await?
    };
    match became {
        Ok(became) => {
            run.count(&became);
            Ok(())
        }
        Err(reason) => refuse(run, source, reason).await,
    }
}

/// The file's name here and its bytes, at most one more than are taken.
fn read(file: &Path) -> std::io::Result<(String, Vec<u8>)> {
    let mut body = Vec::new();
    let (source, input): (_, Box<dyn Read>) = if file == Path::new("-") {
        ("-".to_owned(), Box::new(std::io::stdin()))
    } else {
        let whole = std::fs::canonicalize(file)?;
        let opened = File::open(&whole)?;
        (whole.display().to_string(), Box::new(opened))
    };
    input.take(LARGEST + 1).read_to_end(&mut body)?;
    Ok((source, body))
}

/// Does one Bundle. The inner error is why it is not taken.
async fn bundle(
    run: &Run<'_>,
    source: &str,
    body: &[u8],
    digest: String,
) -> Result<Result<Vec<Became>, String>, ImportError> {
    let parcel = match Parcel::read(body) {
        Ok(parcel) => parcel,
        Err(reason) => return Ok(Err(reason)),
    };
    let (source, now, rehearses) = (source.to_owned(), run.now(), run.rehearses());
    let also = move |connection: &mut HospitalConnection, done: Transacted| {
        store::remember_bundle(connection, &digest, now)?;
        store::forget_quarantine(connection, &source)?;
        Ended::unless(rehearses, done)
    };
    let records = &run.import.records;
    let text = parcel.transaction.as_bytes();
    let done = records.take_in_bundle(&run.permit, text, also).await;
    match Ended::result(done) {
        Ok(done) => {
            let entries = done.entries.iter().zip(parcel.profiles);
            Ok(Ok(entries.filter_map(became).collect()))
        }
        Err(ImportError::Records(error)) if !is_ours(&error) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Whether the node is at fault, not the file.
fn is_ours(error: &RecordsError) -> bool {
    matches!(error, RecordsError::Database(_) | RecordsError::ReadOnly)
}

fn became((done, profile): (&Done, Option<String>)) -> Option<Became> {
    let written = done.written()?;
    if matches!(written.outcome, Outcome::Deleted | Outcome::Absent) {
        return Some(Became {
            profile: None,
            fault: None,
            outcome: written.outcome,
        });
    }
    let profile = profile.unwrap_or_else(|| written.address.kind.to_string());
    Some(Became {
        fault: fault::first(&profile, &written.issues),
        profile: Some(profile),
        outcome: written.outcome,
    })
}

async fn resource(
    run: &Run<'_>,
    source: &str,
    body: &[u8],
) -> Result<Result<Vec<Became>, String>, ImportError> {
    let incoming = match Incoming::parse(Validator::of(&run.import.records), body) {
        Ok(incoming) => Intake::Put(Box::new(incoming)),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let (records, permit) = (run.import.records.clone(), run.permit.clone());
    let source = source.to_owned();
    let work = move |connection: &mut _| {
        records.take_turn(&permit, connection)?;
        store::forget_quarantine(connection, &source)?;
        take_in(&records, &permit, connection, vec![incoming.clone()])
    };
    run.transact(work).await.map(Ok)
}

/// Takes a file out of quarantine whose Bundle was taken under another name.
async fn release(run: &Run<'_>, source: String) -> Result<(), ImportError> {
    let wanted = source.clone();
    let kept = move |connection: &mut _| store::count_quarantined(connection, &wanted);
    if run.import.database.read(kept).await? == 0 {
        return Ok(());
    }
    let forget = move |connection: &mut _| Ok(store::forget_quarantine(connection, &source)?);
    run.transact(forget).await
}

async fn refuse(run: &mut Run<'_>, source: String, reason: String) -> Result<(), ImportError> {
    let refusal = Refusal {
        source,
        place: "file".to_owned(),
        reason,
        detail: String::new(),
    };
    let (kept, now) = (vec![refusal.clone()], run.now());
    let keep = move |connection: &mut _| Ok(store::keep_in_quarantine(connection, &kept, now)?);
    run.transact(keep).await?;
    run.refuse(&refusal);
    Ok(())
}
