//! The cases of the transparency-dev project, each with what a right verifier says.

use std::io::Read as _;

use serde::Deserialize;

use super::super::*;
use crate::vectors;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    leaf_idx: Option<u64>,
    tree_size: Option<u64>,
    root: Option<String>,
    leaf_hash: Option<String>,
    size1: Option<u64>,
    size2: Option<u64>,
    root1: Option<String>,
    root2: Option<String>,
    proof: Option<Vec<String>>,
    want_err: bool,
}

/// A root or leaf of a case. Some cases have words of another length there, which stand for any
/// hash.
fn hash(text: Option<&String>) -> Option<TreeHash> {
    let text = text.filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| leaf_hash(text.as_bytes())))
}

impl Case {
    fn is_refused(&self) -> bool {
        let proof = self.proof.iter().flatten().map(|one| one.parse().ok());
        let Some(proof) = proof.collect::<Option<Vec<_>>>() else {
            return true;
        };
        match (self.leaf_idx, self.tree_size, self.size1, self.size2) {
            (index, Some(size), None, None) => {
                let (leaf, root) = (hash(self.leaf_hash.as_ref()), hash(self.root.as_ref()));
                let (Some(leaf), Some(root)) = (leaf, root) else {
                    return true;
                };
                verify_inclusion(&leaf, index.unwrap_or(0), size, &proof, &root).is_err()
            }
            (_, None, old, new) => {
                let (one, two) = (hash(self.root1.as_ref()), hash(self.root2.as_ref()));
                let (Some(one), Some(two)) = (one, two) else {
                    return true;
                };
                let (old, new) = (old.unwrap_or(0), new.unwrap_or(0));
                verify_consistency(old, new, &proof, &one, &two).is_err()
            }
            _ => panic!("a case of another kind"),
        }
    }
}

/// The regular files of an uncompressed tar archive (POSIX ustar), by name.
fn files(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let (mut at, mut long) = (0, None);
    while let Some(head) = tar.get(at..at + 512).filter(|head| head[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            let field = &head[range];
            let end = field
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(field.len());
            String::from_utf8_lossy(&field[..end]).trim().to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).unwrap();
        let body = tar[at + 512..at + 512 + size].to_vec();
        match head[156] {
            b'L' => {
                long = Some(
                    String::from_utf8(body)
                        .unwrap()
                        .trim_end_matches('\0')
                        .to_owned(),
                )
            }
            b'0' | 0 => files.push((long.take().unwrap_or_else(|| text(0..100)), body)),
            _ => long = None,
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

#[test]
fn the_shared_cases_of_rfc_9162_are_judged_as_they_want() {
    let Some(packed) = vectors::read_bytes("vectors/rfc9162-merkle.tgz") else {
        return;
    };
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice())
        .read_to_end(&mut tar)
        .unwrap();
    let (mut judged, mut refused) = (0, 0);
    for (name, text) in files(&tar) {
        let ours = name.contains("testdata/consistency/") || name.contains("testdata/inclusion/");
        if !ours || !name.ends_with(".json") {
            continue;
        }
        let case: Case = serde_json::from_slice(&text).unwrap();
        assert_eq!(case.is_refused(), case.want_err, "{name}");
        judged += 1;
        refused += usize::from(case.want_err);
    }
    assert!(judged > 100 && refused < judged, "{judged} {refused}");
    println!("{judged} cases, {refused} of them refused");
}
