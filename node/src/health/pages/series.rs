//! One kind: its values, drawn and listed.

use askama::Template;

use super::drawn::chart_of;
use super::{name, said, unit, when};
use crate::health::shown::Series;
use crate::pages::Sheet;
use crate::pages::chart::Figure;

/// One value in the list.
pub(super) struct Row {
    id: String,
    when: String,
    value: String,
    source: String,
    is_own: bool,
}

/// `/p/vitals/of/{kind}`.
#[derive(Template)]
#[template(path = "health/templates/series.html")]
pub(in crate::health) struct SeriesPage {
    page: Sheet,
    kind: &'static str,
    name: String,
    unit: String,
    rows: Vec<Row>,
    figure: Option<Figure>,
    is_cut: bool,
    notice: Option<&'static str>,
}

impl SeriesPage {
    pub(in crate::health) fn new(
        page: Sheet,
        series: &Series,
        most: usize,
        notice: Option<&'static str>,
    ) -> Self {
        let rows = series.measured.iter().map(|one| Row {
            id: one.id.clone(),
            when: when(&page, one),
            value: said(series.kind, one.value),
            source: match (one.is_own, one.source.as_str()) {
                (false, "") => page.t("vitals-by-hospital"),
                _ => one.source.clone(),
            },
            is_own: one.is_own,
        });
        let unit = unit(&page, series.kind);
        let figure = chart_of(&page, series, &unit);
        let rows = rows.collect();
        Self {
            kind: series.kind.as_str(),
            name: name(&page, series.kind),
            unit,
            rows,
            figure,
            is_cut: series.measured.len() >= most,
            notice,
            page,
        }
    }

    pub(in crate::health) fn sheet(&self) -> &Sheet {
        &self.page
    }
}
