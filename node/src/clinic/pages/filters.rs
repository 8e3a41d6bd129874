//! What a page can be narrowed to, as links.

use crate::clinic::manner::{Manner, Zoom};
use crate::clinic::row::Row;
use crate::clinic::views::LANES;
use crate::pages::Sheet;
use crate::pages::chart::Key;

/// A link that narrows or widens.
pub(in crate::clinic) struct Pick {
    pub(in crate::clinic) href: String,
    pub(in crate::clinic) text: String,
    pub(in crate::clinic) here: bool,
    pub(in crate::clinic) mark: Key,
    pub(in crate::clinic) hue: usize,
}

/// The links of a page.
pub(in crate::clinic) struct Filters {
    pub(in crate::clinic) zooms: Vec<Pick>,
    pub(in crate::clinic) sources: Vec<Pick>,
    pub(in crate::clinic) lanes: Vec<Pick>,
}

impl Filters {
    /// Those of the page at `path`; with lanes on the timeline alone.
    pub(in crate::clinic) fn of(
        sheet: &Sheet,
        path: &str,
        manner: &Manner,
        rows: &[Row],
        with_lanes: bool,
    ) -> Self {
        let pick = |to: Manner, text: String, here: bool, place: usize| Pick {
            href: format!("{path}{}", to.query()),
            text,
            here,
            mark: Key(place),
            hue: place % 8,
        };
        let zooms = Zoom::ALL.map(|zoom| {
            let text = sheet.coded("clinic-zoom-", zoom.word(), "all");
            pick(manner.zoomed(zoom), text, zoom == manner.zoom, 0)
        });
        let sources = rows.iter().enumerate().map(|(place, row)| {
            let text = row.source.short.clone();
            pick(manner.toggled(place), text, manner.shows(place), place)
        });
        let lanes = LANES.into_iter().filter(|_| with_lanes).map(|lane| {
            let text = sheet.coded("clinic-lane-", lane.key(), "visit");
            pick(
                manner.toggled_lane(lane),
                text,
                manner.lanes().contains(&lane),
                0,
            )
        });
        Self {
            zooms: zooms.into(),
            sources: sources.collect(),
            lanes: lanes.collect(),
        }
    }
}
