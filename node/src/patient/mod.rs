//! The person's phone.

mod beside;
mod fhir;
mod items;
mod medicines;
mod notebook;
mod results;
#[cfg(test)]
mod testing;
