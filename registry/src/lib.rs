//! Who belongs to the federation, with which keys, at which address. It never learns that a
//! patient exists.
