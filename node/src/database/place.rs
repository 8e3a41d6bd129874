//! Where a database is: the file, or the server, that its URL names.

use super::{DatabaseError, Kind};

/// What a database URL names, checked.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The path of the file.
    Sqlite(String),
    /// The server's URL; it may hold a password, so this type has no Debug.
    Postgres(String),
}

impl Place {
    /// Reads `sqlite:PATH` or `postgres://…`.
    pub(super) fn of(url: &str) -> Result<Self, DatabaseError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(':') {
                return Err(DatabaseError::Url("sqlite: wants the path of a file"));
            }
            return Ok(Self::Sqlite(path.to_owned()));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        Err(DatabaseError::Url("sqlite:PATH or postgres://… is wanted"))
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }
}
