use proptest::prelude::*;

use super::super::*;

/// The eight entries that Certificate Transparency's tests have used since RFC 6962.
const ENTRIES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];

/// Their roots, for 0 to 8 of them, hexadecimal.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hex(hash: &TreeHash) -> String {
    hash.bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn leaves(count: u64) -> Vec<TreeHash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

fn root_of(leaves: &[TreeHash]) -> TreeHash {
    root(&mut &*leaves, leaves.len().try_into().unwrap()).unwrap()
}

fn size(leaves: &[TreeHash]) -> u64 {
    leaves.len().try_into().unwrap()
}

#[test]
fn the_roots_of_the_eight_known_entries_are_the_known_roots() {
    let leaves: Vec<_> = ENTRIES.iter().map(|entry| leaf_hash(entry)).collect();
    let mut range = CompactRange::default();
    assert_eq!(hex(&range.root()), ROOTS[0]);
    for (count, root) in ROOTS.iter().enumerate().skip(1) {
        assert_eq!(hex(&root_of(&leaves[..count])), *root);
        range.append(leaves[count - 1], |_, _, _| ());
        assert_eq!(hex(&range.root()), *root);
    }
}

/// RFC 6962 section 2.1.3 draws this tree of seven leaves.
#[test]
fn the_audit_paths_of_the_rfc_are_those_that_it_draws() {
    let all = leaves(7);
    let mut nodes = all.as_slice();
    let mut node = |level, index| nodes.node(level, index).unwrap();
    let (a, b, c, d, e, f, j) = (
        node(0, 0),
        node(0, 1),
        node(0, 2),
        node(0, 3),
        node(0, 4),
        node(0, 5),
        node(0, 6),
    );
    let (g, h, i) = (node(1, 0), node(1, 1), node(1, 2));
    let (k, l) = (node(2, 0), node_hash(&i, &j));
    let path = |index| inclusion_proof(&mut all.as_slice(), index, 7).unwrap();
    assert_eq!(path(0), [b, h, l]);
    assert_eq!(path(3), [c, g, l]);
    assert_eq!(path(4), [f, j, k]);
    assert_eq!(path(6), [i, k]);
    let proof = |old| consistency_proof(&mut all.as_slice(), old, 7).unwrap();
    assert_eq!(proof(3), [c, d, g, l]);
    assert_eq!(proof(4), [l]);
    assert_eq!(proof(6), [i, j, k]);
    let _ = (a, e);
}

#[test]
fn every_tree_up_to_64_leaves_is_consistent_with_every_later_one() {
    let all = leaves(64);
    for new in 1..=64_usize {
        let later = root_of(&all[..new]);
        for old in 1..=new {
            let earlier = root_of(&all[..old]);
            let (old, new) = (old as u64, new as u64);
            let proof = consistency_proof(&mut all.as_slice(), old, new).unwrap();
            assert_eq!(
                verify_consistency(old, new, &proof, &earlier, &later),
                Ok(()),
                "{old} {new}"
            );
            let other = leaf_hash(b"other");
            for at in 0..proof.len() {
                let mut altered = proof.clone();
                altered[at] = other;
                assert!(verify_consistency(old, new, &altered, &earlier, &later).is_err());
            }
            if old < new {
                assert!(verify_consistency(old, new, &proof, &other, &later).is_err());
                assert!(verify_consistency(old, new, &proof, &earlier, &other).is_err());
                let longer = [proof.clone(), vec![other]].concat();
                assert!(verify_consistency(old, new, &longer, &earlier, &later).is_err());
                let shorter = &proof[..proof.len() - 1];
                assert!(verify_consistency(old, new, shorter, &earlier, &later).is_err());
            }
        }
    }
}

#[test]
fn a_tree_whose_past_was_changed_is_never_consistent() {
    let all = leaves(40);
    for old in 1..40_usize {
        let earlier = root_of(&all[..old]);
        for forged in 0..old {
            let mut other = all.clone();
            other[forged] = leaf_hash(b"forged");
            let proof = consistency_proof(&mut other.as_slice(), old as u64, 40).unwrap();
            let verdict = verify_consistency(old as u64, 40, &proof, &earlier, &root_of(&other));
            assert!(verdict.is_err(), "{old} {forged}");
        }
    }
}

#[test]
fn the_edge_that_was_kept_goes_on_like_the_one_in_memory() {
    let all = leaves(70);
    let mut whole = CompactRange::default();
    for (at, leaf) in all.iter().enumerate() {
        let edge: Vec<_> = CompactRange::subtrees(at as u64)
            .map(|(level, index)| all.as_slice().node(level, index).unwrap())
            .collect();
        assert_eq!(CompactRange::of(at as u64, edge.clone()), Ok(whole.clone()));
        let more = [edge, vec![*leaf]].concat();
        assert_eq!(CompactRange::of(at as u64, more), Err(RangeError));
        let mut told = Vec::new();
        whole.append(*leaf, |level, index, hash| told.push((level, index, hash)));
        for (level, index, hash) in told {
            assert_eq!(all.as_slice().node(level, index).unwrap(), hash);
        }
        assert_eq!(whole.root(), root_of(&all[..=at]));
    }
}

#[test]
fn what_lies_outside_the_tree_has_no_proof() {
    let all = leaves(5);
    assert!(inclusion_proof(&mut all.as_slice(), 5, 5).is_err());
    assert!(inclusion_proof(&mut all.as_slice(), 0, 0).is_err());
    assert!(inclusion_proof(&mut all.as_slice(), 0, 6).is_err());
    assert!(consistency_proof(&mut all.as_slice(), 5, 4).is_err());
    assert!(consistency_proof(&mut all.as_slice(), 5, 6).is_err());
    assert!(root(&mut all.as_slice(), 6).is_err());
}

proptest! {
    #[test]
    fn every_leaf_is_proved_and_nothing_else_is(
        count in 1_u64..200, at in 0_u64..200, flip in 0_usize..9, bit in 0_usize..256, shift in 1_u64..200,
    ) {
        let all = leaves(count);
        let (index, root) = (at % count, root_of(&all));
        let leaf = all[usize::try_from(index).unwrap()];
        let proof = inclusion_proof(&mut all.as_slice(), index, count).unwrap();
        prop_assert_eq!(verify_inclusion(&leaf, index, count, &proof, &root), Ok(()));
        let flipped = |hash: &TreeHash| {
            let mut bytes = *hash.bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            TreeHash::from_bytes(bytes)
        };
        prop_assert!(verify_inclusion(&flipped(&leaf), index, count, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, count, &proof, &flipped(&root)).is_err());
        let other = (index + shift) % count;
        if other != index {
            prop_assert!(verify_inclusion(&leaf, other, count, &proof, &root).is_err());
        }
        prop_assert!(verify_inclusion(&leaf, count, count, &proof, &root).is_err());
        if !proof.is_empty() {
            let mut altered = proof.clone();
            let one = flip % proof.len();
            altered[one] = flipped(&altered[one]);
            prop_assert!(verify_inclusion(&leaf, index, count, &altered, &root).is_err());
            prop_assert!(verify_inclusion(&leaf, index, count, &proof[1..], &root).is_err());
        }
        let longer = [proof, vec![leaf]].concat();
        prop_assert!(verify_inclusion(&leaf, index, count, &longer, &root).is_err());
    }

    #[test]
    fn judging_a_proof_never_panics_and_ends(
        old in any::<u64>(), new in any::<u64>(), hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let proof: Vec<_> = hashes.into_iter().map(TreeHash::from_bytes).collect();
        let root = TreeHash::of_nothing();
        let _ = verify_consistency(old, new, &proof, &root, &root);
        let _ = verify_inclusion(&root, old, new, &proof, &root);
        prop_assert!(size(&proof) < 70);
    }
}
