//! Why an upload was not read. No variant repeats what it held.

/// Why an export was not read. What was handed out before the error must not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Neither a ZIP archive nor XML.
    #[error("neither a ZIP archive nor XML")]
    Format,
    /// A ZIP archive that cannot be read: damaged, or of a kind that phones do not make.
    #[error("the archive cannot be read")]
    Archive,
    /// A ZIP archive under a password.
    #[error("the archive is encrypted")]
    Encrypted,
    /// A ZIP archive without an export in it.
    #[error("there is no export.xml in the archive")]
    NoExport,
    /// More bytes, or more of them for each packed one, than a phone makes.
    #[error("the export unpacks to more than it may")]
    Bomb,
    /// Not XML, or not that of an export.
    #[error("the XML is broken near byte {0}")]
    Xml(u64),
    /// It declares or uses entities of its own, which exports do not.
    #[error("the XML declares entities")]
    Entities,
    /// Elements nested deeper, or longer, than in any export.
    #[error("the XML is nested too deeply or has too long an element near byte {0}")]
    Markup(u64),
    /// More records, or more sources, than are taken at once.
    #[error("the export holds more than can be taken at once")]
    TooMany,
    /// Whoever takes the readings wants no more.
    #[error("stopped")]
    Stopped,
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(std::io::ErrorKind),
}

impl ExportError {
    /// The word in tables, words and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Archive => "archive",
            Self::Encrypted => "encrypted",
            Self::NoExport => "no_export",
            Self::Bomb => "bomb",
            Self::Xml(_) => "xml",
            Self::Entities => "entities",
            Self::Markup(_) => "markup",
            Self::TooMany => "too_many",
            Self::Stopped => "stopped",
            Self::Io(_) => "io",
        }
    }
}

/// Why the JSON of an exporter app was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExporterError {
    /// More than an app may send at once.
    #[error("the body is larger than 8 MiB: let the app send a shorter period")]
    TooLarge,
    /// Not JSON.
    #[error("the body is not JSON")]
    Json,
    /// JSON without `data.metrics`.
    #[error("the body has no data.metrics")]
    Shape,
}
