//! A whole storage tree of twelve synthetic patients.

use std::path::{Path, PathBuf};

use super::*;
use crate::database::testing::on_each_async;

/// The tree, unpacked; none where the data is not at hand.
fn unpacked() -> Option<(tempfile::TempDir, PathBuf)> {
    let data = "../shared/data/ssmix2/synthetic-tree.tgz";
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(data);
    let Ok(packed) = std::fs::File::open(packed) else {
        eprintln!("SKIPPED: {data} is not here");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(packed))
        .unpack(folder.path())
        .unwrap();
    let root = folder.path().join("ssmixtwins-synthetic");
    Some((folder, root))
}

#[tokio::test]
async fn twelve_patients_are_imported_once_and_for_all() {
    let Some((_folder, root)) = unpacked() else {
        return;
    };
    on_each_async(async |database| {
        let house = House::open(database).await;
        let (rehearsed, _) = house.tree(&root, Manner::Rehearsed).await;
        assert!(house.held().await.is_empty());
        let (first, _) = house.tree(&root, Manner::Anew).await;
        assert_eq!((first.files, first.refused), (378, 0));
        assert_eq!(first.profiles, rehearsed.profiles);
        let held = house.held().await;
        assert_eq!(house.counts().await["Patient"], 12);
        assert_eq!(first.created, u64::try_from(held.len()).unwrap());

        let (again, _) = house.tree(&root, Manner::Anew).await;
        assert_eq!((again.files, again.left), (0, 378));
        assert_eq!(house.held().await, held);
    })
    .await;
}
