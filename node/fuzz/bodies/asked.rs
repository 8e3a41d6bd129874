//! Any bytes as what an export is asked for, and as a phone's file.

use musubi_node::export::Asked;
use musubi_node::linkage::phone::Phone;
use musubi_node::records::Handling;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let pairs: Vec<_> = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for handling in [Handling::Strict, Handling::Lenient] {
        let _ = Asked::by_query(pairs.clone(), handling);
        let _ = Asked::by_parameters(data, handling);
    }
    let _ = Phone::parse(&text);
}
