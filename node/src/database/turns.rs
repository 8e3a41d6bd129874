//! How the programs that write one `SQLite` file take turns: the node, and commands beside it.
//!
//! `SQLite` keeps no queue. Who waits looks again after pauses that grow to a tenth of a second; who
//! writes without a pause is back within microseconds. Beside an import a physician's question, which
//! has its audit line to write, waited for seconds. So who waits looks every millisecond, and who held
//! the others up for long rests a little before it comes again.

use std::thread::sleep;
use std::time::Duration;

use diesel::result::Error;

use super::{HospitalConnection, transaction};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);
/// After so many looks, some ten seconds and more, it is given up.
const LOOKS: u32 = 10_000;
/// What others hardly notice needs no rest.
const LONG: Duration = Duration::from_millis(20);
/// A rest is this part of the time held, so that who works alone loses little.
const PART: u32 = 32;
/// The longest rest.
const LONGEST: Duration = Duration::from_millis(10);

/// Begins a transaction that may write, once nobody else does.
///
/// # Errors
/// Others never let go of it, or the database is no longer sound.
pub(super) fn begin(connection: &mut HospitalConnection) -> diesel::QueryResult<()> {
    for _look in 1..LOOKS {
        match transaction::begin_write(connection) {
            Err(error) if is_busy(&error) => sleep(PAUSE),
            begun => return begun,
        }
    }
    transaction::begin_write(connection)
}

/// Lets others have their turn after a transaction that took `held`.
pub(super) fn rest_after(held: Duration) {
    if held >= LONG {
        sleep(
            held.checked_div(PART)
                .unwrap_or(LONGEST)
                .clamp(PAUSE * 2, LONGEST),
        );
    }
}

fn is_busy(error: &Error) -> bool {
    // diesel tells the code of SQLite by its text alone.
    matches!(error, Error::DatabaseError(_, told) if told.message() == "database is locked")
}
