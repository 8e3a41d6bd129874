//! What one export may cost.

/// What reading one export may cost. What goes beyond is refused, never cut off: half an export
/// looks like a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of XML, unpacked.
    pub most_xml_bytes: u64,
    /// The most bytes of XML that one packed byte may become. Exports of phones reach about 30;
    /// deflate allows 1032.
    pub most_unpacked_per_byte: u64,
    /// The most bytes that may be read to learn what the archive holds: its directory.
    pub most_directory_bytes: u64,
    /// The most bytes of one element, comment or document type declaration.
    pub most_markup_bytes: usize,
    /// How deep elements may be in each other. Apple's are four deep.
    pub deepest: usize,
    /// The most readings that are kept until the end: pressures, steps and sleep.
    pub most_kept: usize,
    /// The most records of kinds that are taken; the memory of what was seen grows with them.
    pub most_records: u64,
    /// The most sources with names of their own.
    pub most_sources: usize,
}

impl Default for Limits {
    /// For a phone that was worn for ten years.
    fn default() -> Self {
        Self {
            most_xml_bytes: 4 << 30,
            most_unpacked_per_byte: 200,
            most_directory_bytes: 4 << 20,
            most_markup_bytes: 256 << 10,
            deepest: 16,
            most_kept: 1_000_000,
            most_records: 4_000_000,
            most_sources: 200,
        }
    }
}
