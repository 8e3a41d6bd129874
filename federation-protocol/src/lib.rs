//! What members say to each other and how each proves it: bytes, keys and a time in; verified
//! values or refusals out. Pure: no clock, no sockets, no files, no log.
