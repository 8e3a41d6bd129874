//! Exports that are broken off in the middle, and gone on with.

use std::io::Write as _;

use super::*;

/// What a fall leaves behind: a torn line at the end of every file.
fn tear(site: &Site, id: &JobId) {
    let folder = site.folder.path().join(id.as_str());
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"{\"resourceType\":\"Torn\"").unwrap();
    }
}

/// Makes an export to its end; after which steps its files were longer than before.
async fn steps_that_write(site: &Site, mut run: Run, id: &JobId) -> Vec<usize> {
    let (mut step, mut length, mut steps) = (0, 0, Vec::new());
    loop {
        let done = run.step().await.unwrap() == Step::Done;
        step += 1;
        let now = site.lines(id).await.0.len();
        if now > length {
            steps.push(step);
            length = now;
        }
        if done {
            return steps;
        }
    }
}

#[actix_web::test]
async fn wherever_an_export_is_broken_off_its_files_are_the_same_in_the_end() {
    on_each_async(async |database| {
        let mut site = Site::on(database).await;
        ward(&site).await;
        let (whole, permit) = site.accepted(Scope::Everyone, asked(&[])).await;
        let id = whole.id.clone();
        let steps = steps_that_write(&site, site.run(whole, permit), &id).await;
        assert!(steps.len() > 5);
        let expected = site.lines(&id).await;
        site.exports.cancel(&his(), &id).await.unwrap();

        for fall in std::iter::once(0).chain(steps) {
            let (job, permit) = site.accepted(Scope::Everyone, asked(&[])).await;
            let id = job.id.clone();
            let mut run = site.run(job, permit);
            for _ in 0..fall {
                run.step().await.unwrap();
            }
            drop(run);
            tear(&site, &id);
            site.restarted(limits(&site.folder));
            site.exports.go_on().await.unwrap();
            let ended = site.ended(&id).await;
            assert!(matches!(ended, Status::Complete(_)), "fall {fall}");
            assert_eq!(site.lines(&id).await, expected, "fall {fall}");
            site.exports.cancel(&his(), &id).await.unwrap();
        }
    })
    .await;
}

#[actix_web::test]
async fn a_node_that_stops_leaves_the_export_to_the_next_start() {
    on_each_async(async |database| {
        let mut site = Site::on(database).await;
        ward(&site).await;
        let url = "https://minato.example.jp".to_owned();
        let id = site
            .exports
            .accept(&his(), Scope::Everyone, asked(&[]), url)
            .await
            .unwrap();
        site.exports.stop().await;
        assert!(matches!(site.status(&id).await, Status::Running(_)));
        site.restarted(limits(&site.folder));
        site.exports.go_on().await.unwrap();
        assert!(matches!(site.ended(&id).await, Status::Complete(_)));
        assert_eq!(site.addresses(&id).await, set(&EVERYTHING));
        // It was decided again whether it may be gone on with.
        let acts: Vec<_> = site
            .audited()
            .await
            .iter()
            .map(|line| line.outcome.clone())
            .collect();
        assert_eq!(acts, ["ok", "ok", "complete"]);
    })
    .await;
}

#[actix_web::test]
async fn an_export_whose_files_were_lost_ends_without_files() {
    on_each_async(async |database| {
        let mut site = Site::on(database).await;
        ward(&site).await;
        let (job, permit) = site.accepted(Scope::Everyone, asked(&[])).await;
        let id = job.id.clone();
        let mut run = site.run(job, permit);
        while site.lines(&id).await.0.len() < 2 {
            run.step().await.unwrap();
        }
        drop(run);
        std::fs::remove_dir_all(site.folder.path().join(id.as_str())).unwrap();
        site.restarted(limits(&site.folder));
        site.exports.go_on().await.unwrap();
        assert_eq!(site.ended(&id).await, Status::Ended { full: false });
        assert!(site.lines(&id).await.0.is_empty());
    })
    .await;
}
