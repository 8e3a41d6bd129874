//! The room's pages and their parts, as templates want them.

mod asked;
mod chart;
mod figures;
mod filters;
mod parts;
mod person;
mod text;
mod views;

pub(super) use asked::{AskedPage, Waiting};
pub(super) use chart::{Showing, Tab, chart_page, part_of};
pub(super) use person::{
    ConsentPage, FindPage, GrantLine, HistoryLine, HistoryPage, PatientPage, Typed,
};
