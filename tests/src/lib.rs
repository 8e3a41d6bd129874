//! Whole towns of nodes: the harness that the scenarios stand on.
