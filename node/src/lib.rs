//! One hospital's place in the federation: its own JP Core records, its patients' consents, and
//! signed answers to its peers.

pub mod access;
pub mod app;
pub mod audit;
pub mod clinic;
pub mod commands;
pub mod config;
pub mod consent;
pub mod database;
pub mod desk;
pub mod doctor;
pub mod emergency;
pub mod export;
pub mod federation;
pub mod health;
pub mod identity;
pub mod import;
pub mod joining;
pub mod keys;
pub mod linkage;
pub mod metrics;
pub mod operations;
pub mod pages;
pub mod patient;
pub mod records;
mod server;
pub mod sharing;
pub mod words;
