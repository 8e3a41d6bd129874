//! One hospital's row: how asking it ended, from the real cause, in a word that texts are named by.

use federation_protocol::refusal::Refusal;

use super::views::{Moment, Source, Taken};
use crate::federation::outcome::{Answer, Part, PeerOutcome, Silence};

/// How a row looks: a colour, a mark and a word.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing is known yet.
    Busy,
    /// Everything that may be shown is here.
    Ok,
    /// There is nothing that may be shown.
    Calm,
    /// Something is missing.
    Warn,
    /// Nothing came.
    Bad,
}

impl Look {
    /// The class of the style sheet.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Ok => "ok",
            Self::Calm => "calm",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// How asking one hospital stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not answered yet.
    Asking,
    /// It answered with something.
    Answered {
        /// How many resources.
        count: usize,
        /// The newest day among them.
        newest: Option<Moment>,
        /// How long it took, milliseconds.
        took_ms: u64,
        /// It has more than one answer holds; what is older is not here.
        is_cut: bool,
    },
    /// There is nothing to show: nothing is recorded, or the person shows nothing. Nobody can tell
    /// these apart, here neither.
    Nothing,
    /// Nothing came, for a reason.
    Missing(Cause),
}

/// Why nothing came.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No connection.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// Its certificate is not the one in the directory.
    Tls,
    /// It failed repeatedly, and is left alone for a while.
    Resting,
    /// Something in between answered with an unsigned error.
    Unsigned,
    /// It verified, and is no answer to the question.
    Unusable,
    /// It is not among those that can be asked now.
    NotMember,
    /// The directory here is too old to ask anybody.
    DirectoryExpired,
    /// The consent is over, or was taken back.
    ConsentOver,
    /// The own chart could not be read.
    OwnChart,
    /// It could not be written down, so it is not shown.
    NotWritten,
    /// Its signature does not verify: what came was thrown away unread.
    Unverified,
    /// It is busy.
    Busy,
    /// It speaks another version.
    Version,
    /// It has more than one answer may hold.
    TooMuch,
    /// Its rules forbid it; the code is for who asks why.
    Policy(&'static str),
}

impl Cause {
    /// The word in the keys of its texts.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Resting => "resting",
            Self::Unsigned => "unsigned",
            Self::Unusable => "unusable",
            Self::NotMember => "not-member",
            Self::DirectoryExpired => "directory-expired",
            Self::ConsentOver => "consent-over",
            Self::OwnChart => "own-chart",
            Self::NotWritten => "not-written",
            Self::Unverified => "unverified",
            Self::Busy => "busy",
            Self::Version => "version",
            Self::TooMuch => "too-much",
            Self::Policy(_) => "policy",
        }
    }

    /// Whether asking again may help.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        !matches!(
            self,
            Self::Tls
                | Self::NotMember
                | Self::ConsentOver
                | Self::Unverified
                | Self::Version
                | Self::Policy(_)
        )
    }

    const fn look(self) -> Look {
        match self {
            Self::Resting
            | Self::DirectoryExpired
            | Self::ConsentOver
            | Self::Busy
            | Self::Version
            | Self::TooMuch => Look::Warn,
            Self::Policy(_) => Look::Calm,
            _ => Look::Bad,
        }
    }

    fn of_silence(silence: Silence) -> Self {
        match silence {
            Silence::Unreachable => Self::Unreachable,
            Silence::Timeout => Self::Timeout,
            Silence::TlsFailed => Self::Tls,
            Silence::Resting => Self::Resting,
            Silence::UnsignedError { .. } => Self::Unsigned,
            Silence::NotAMember => Self::NotMember,
            Silence::DirectoryExpired => Self::DirectoryExpired,
            Silence::TokenExpired => Self::ConsentOver,
            Silence::OwnChartUnavailable => Self::OwnChart,
            _ => Self::Unusable,
        }
    }
}

impl State {
    /// How it ended. A refusal by consent is the same as nothing recorded: PROTOCOL section 5.
    #[must_use]
    pub fn of(outcome: &PeerOutcome, took_ms: u64, taken: &[Taken]) -> Self {
        match outcome {
            PeerOutcome::Answered(answer) if answer.entries.is_empty() => Self::Nothing,
            PeerOutcome::Answered(answer) => Self::Answered {
                count: answer.entries.len(),
                newest: newest(taken),
                took_ms,
                is_cut: answer.next.is_some() || taken.len() < answer.entries.len(),
            },
            PeerOutcome::Refused(refusal) => Self::of_refusal(*refusal),
            PeerOutcome::Silent(silence) => Self::Missing(Cause::of_silence(*silence)),
            PeerOutcome::Unverified => Self::Missing(Cause::Unverified),
        }
    }

    fn of_refusal(refusal: Refusal) -> Self {
        let cause = match refusal {
            Refusal::ConsentNotGranted
            | Refusal::ConsentTooComplex
            | Refusal::ScopeNotGranted
            | Refusal::PurposeNotGranted => return Self::Nothing,
            Refusal::TokenExpired | Refusal::TokenRevoked => Cause::ConsentOver,
            Refusal::VersionUnsupported => Cause::Version,
            Refusal::QueryTooWide => Cause::TooMuch,
            Refusal::DirectoryExpired => Cause::DirectoryExpired,
            busy if matches!(busy.http_status(), 429 | 503) => Cause::Busy,
            other => Cause::Policy(other.code()),
        };
        Self::Missing(cause)
    }

    /// How it looks.
    #[must_use]
    pub const fn look(&self) -> Look {
        match self {
            Self::Asking => Look::Busy,
            Self::Answered { is_cut: true, .. } => Look::Warn,
            Self::Answered { .. } => Look::Ok,
            Self::Nothing => Look::Calm,
            Self::Missing(cause) => cause.look(),
        }
    }

    /// Whether it still may become something else.
    #[must_use]
    pub const fn is_asking(&self) -> bool {
        matches!(self, Self::Asking)
    }
}

/// The newest day on which something is said to have happened.
fn newest(taken: &[Taken]) -> Option<Moment> {
    let dates = [
        "effectiveDateTime",
        "effectivePeriod",
        "authoredOn",
        "performedDateTime",
        "performedPeriod",
        "occurrenceDateTime",
        "period",
        "date",
        "issued",
        "recordedDate",
    ];
    let each = taken
        .iter()
        .filter_map(|taken| Moment::first(&taken.value, &dates));
    each.max_by_key(|moment| moment.at)
}

/// One hospital's row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whom.
    pub source: Source,
    /// How it stands.
    pub state: State,
}

/// What came of one hospital, read.
pub struct Came {
    /// How it ended.
    pub state: State,
    /// The resources.
    pub taken: Vec<Taken>,
    /// Their size, bytes.
    pub bytes: usize,
}

impl Came {
    /// Reads a part; `source` is the hospital's place among the rows.
    #[must_use]
    pub fn of(part: &Part, source: usize) -> Self {
        let mut bytes = 0_usize;
        let taken: Vec<Taken> = match &part.outcome {
            PeerOutcome::Answered(Answer {
                entries, included, ..
            }) => entries
                .iter()
                .chain(included)
                .take(super::views::MOST_RESOURCES)
                .filter_map(|entry| {
                    bytes = bytes.saturating_add(entry.raw.len());
                    Taken::read(source, &entry.raw)
                })
                .collect(),
            _ => Vec::new(),
        };
        Self {
            state: State::of(&part.outcome, part.duration_ms, &taken),
            taken,
            bytes,
        }
    }
}

impl Came {
    /// The same where it takes at most `bytes`; else that it is too much, and nothing of it.
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        if self.bytes <= bytes {
            return self;
        }
        Self {
            state: State::Missing(Cause::TooMuch),
            taken: Vec::new(),
            bytes: 0,
        }
    }
}

/// How much of what was asked is on the screen.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// How many hospitals were asked.
    pub of: usize,
    /// Of how many something is shown.
    pub shown: usize,
    /// How many have nothing to show.
    pub nothing: usize,
    /// Of how many nothing is known.
    pub missing: usize,
    /// How many have not answered yet.
    pub asking: usize,
    /// Of how many the oldest is left out.
    pub cut: usize,
}

impl Completeness {
    /// That of these rows.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let count = |fits: fn(&State) -> bool| rows.iter().filter(|row| fits(&row.state)).count();
        Self {
            of: rows.len(),
            shown: count(|state| matches!(state, State::Answered { .. })),
            nothing: count(|state| matches!(state, State::Nothing)),
            missing: count(|state| matches!(state, State::Missing(_))),
            asking: count(State::is_asking),
            cut: count(|state| matches!(state, State::Answered { is_cut: true, .. })),
        }
    }

    /// Whether every hospital said what it may say, and all of it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.missing == 0 && self.asking == 0 && self.cut == 0
    }
}
