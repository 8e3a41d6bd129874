//! Directives: kept for ever, withdrawn by a new version, explained; the tokens that end with them.

use diesel::RunQueryDsl;
use federation_protocol::consent::{
    Actor, ConsentKind, Context, Criteria, DataMeaning, DataReference, Explanation, Provision,
    ProvisionType,
};
use federation_protocol::label::{Label, Labels};

use super::*;
use crate::database::testing::on_each;

impl Home {
    /// What Hana decides beside any code.
    pub(super) async fn decides(&self, root: Provision, nested: Vec<Provision>) -> Changed {
        let name_of = |member: &MemberId| member.to_string();
        let draft = self.consents.draft(
            ConsentKind::ShareCare,
            "Patient/hana",
            root,
            nested,
            &name_of,
        );
        self.consents
            .give(Subject::Person(hana()), draft)
            .await
            .unwrap()
    }

    pub(super) async fn forbids(&self, member: &SampleMember, classes: Option<Scope>) -> Changed {
        let deny = Provision {
            actors: vec![Actor::Organization(member.id.clone())],
            criteria: Criteria {
                classes,
                ..Criteria::default()
            },
            ..Provision::any(ProvisionType::Deny)
        };
        self.decides(deny, Vec::new()).await
    }

    /// A directive that names so many results: too many for a token.
    pub(super) async fn hides(&self, member: &SampleMember, results: usize) -> Changed {
        let named = (0..results).map(|number| DataReference {
            meaning: DataMeaning::Instance,
            reference: format!("Observation/6f1c2b1e-0000-4000-8000-{number:012}"),
        });
        let deny = Provision {
            actors: vec![Actor::Organization(member.id.clone())],
            criteria: Criteria {
                data: named.collect(),
                ..Criteria::default()
            },
            ..Provision::any(ProvisionType::Deny)
        };
        self.decides(deny, Vec::new()).await
    }

    pub(super) async fn permits(&self, member: &SampleMember, categories: &[Category]) -> Changed {
        let permit = Provision {
            actors: vec![Actor::Organization(member.id.clone())],
            purposes: vec![Purpose::Treat],
            criteria: Criteria {
                classes: Some(of(categories)),
                ..Criteria::default()
            },
            ..Provision::any(ProvisionType::Permit)
        };
        self.decides(permit, Vec::new()).await
    }

    pub(super) async fn live(&self) -> usize {
        let now = self.consents.clock.now();
        let live: Result<usize, DatabaseError> = self
            .database
            .read(move |connection| {
                let hanas = store::tokens::live_of(connection, &hana(), now)?.len();
                Ok(hanas + store::tokens::live_of(connection, &taro(), now)?.len())
            })
            .await;
        live.unwrap()
    }
}

#[actix_web::test]
async fn withdrawing_keeps_every_version() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let given = home.permits(&home.shirakaba, &[Category::Lab]).await;
        home.clock.advance(5);
        home.consents.withdraw(&given.id).await.unwrap();
        let again = home.consents.withdraw(&given.id).await;
        assert!(matches!(again, Err(ConsentError::Withdrawn)));
        let unknown = home.consents.withdraw(&DirectiveId::known("no-such")).await;
        assert!(matches!(unknown, Err(ConsentError::Unknown)));
        let history = home.consents.history(&given.id).await.unwrap();
        let versions: Vec<_> = history
            .iter()
            .map(|one| (one.version, one.status.as_str()))
            .collect();
        assert_eq!(versions, [(2, "inactive"), (1, "active")]);
        let consent: serde_json::Value = serde_json::from_str(&history[0].raw).unwrap();
        assert_eq!(consent["id"], given.id.as_str());
        assert_eq!(consent["meta"]["versionId"], "2");
        assert_eq!(consent["category"][0]["coding"][0]["code"], "59284-0");
        assert_eq!(
            home.consents.read(&given.id).await.unwrap().unwrap(),
            history[0]
        );
        let kinds: Vec<_> = home
            .audit()
            .await
            .into_iter()
            .map(|line| line.kind)
            .collect();
        assert_eq!(kinds, ["directive", "revocation"]);
    })
    .await;
}

#[actix_web::test]
async fn the_words_that_were_shown_stand_in_the_consent() {
    let scratch = crate::database::testing::sqlite();
    let home = Home::on(scratch.database.clone());
    home.granted(decision(&home.shirakaba)).await;
    let stored = home
        .consents
        .list(Subject::Person(hana()))
        .await
        .unwrap()
        .remove(0);
    let consent: serde_json::Value = serde_json::from_str(&stored.raw).unwrap();
    let shown = consent["sourceAttachment"]["data"].as_str().unwrap();
    use base64::Engine;
    let shown = base64::engine::general_purpose::STANDARD
        .decode(shown)
        .unwrap();
    insta::assert_snapshot!(String::from_utf8(shown).unwrap(), @r"
    【診療情報の共有についての同意】
    みなと病院のdr-0042に、診療のために、検査・くすりの記録(通常の記録)を、2026-07-01T00:00:00.000Zから2026-07-02T00:00:00.000Zまで、見せることに同意します。
    この同意はいつでも取り消せます。取り消しても診療で不利になることはありません。
    ");
    assert_eq!(consent["sourceAttachment"]["title"], wording::VERSION);
}

#[test]
fn no_version_can_be_changed_or_removed() {
    on_each(|database| {
        let home = Home::on(database.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(home.permits(&home.shirakaba, &[Category::Lab]));
        for attack in [
            "UPDATE directive_version SET status = 'inactive'",
            "DELETE FROM directive_version",
            "DELETE FROM directive",
        ] {
            let tried: Result<usize, DatabaseError> =
                database.transact_blocking(move |connection| {
                    Ok(diesel::sql_query(attack).execute(connection)?)
                });
            assert!(tried.unwrap_err().to_string().contains("never"), "{attack}");
        }
    });
}

#[actix_web::test]
async fn nobody_opens_a_chart_to_everyone() {
    let scratch = crate::database::testing::sqlite();
    let home = Home::on(scratch.database.clone());
    let name_of = |member: &MemberId| member.to_string();
    let everyone = Provision::any(ProvisionType::Permit);
    let draft = home.consents.draft(
        ConsentKind::ShareCare,
        "Patient/hana",
        everyone,
        Vec::new(),
        &name_of,
    );
    let refused = home.consents.give(Subject::Person(hana()), draft).await;
    assert!(matches!(refused, Err(ConsentError::Everyone)));
    assert!(home.audit().await.is_empty());
}

#[actix_web::test]
async fn withdrawing_ends_the_tokens_of_that_directive_and_only_them() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.granted(decision(&home.shirakaba)).await;
        let of_yukimi = home.code(decision(&home.yukimi)).await;
        home.redeem(redemption(&home.yukimi, of_yukimi.scanned()))
            .await
            .unwrap();
        let of_taro = Decision {
            person: taro(),
            ..decision(&home.shirakaba)
        };
        home.granted(of_taro).await;
        assert_eq!(home.live().await, 3);
        let hanas = home.consents.list(Subject::Person(hana())).await.unwrap();
        let to_shirakaba = hanas
            .iter()
            .find(|one| one.raw.contains("0110000003"))
            .unwrap();
        let changed = home.consents.withdraw(&to_shirakaba.id).await.unwrap();
        assert_eq!(changed.ended.len(), 1);
        assert_eq!(home.live().await, 2);
        let ended = home
            .audit()
            .await
            .into_iter()
            .filter(|line| line.outcome == "token_ended");
        let ended: Vec<_> = ended.map(|line| line.detail["jti"].clone()).collect();
        assert_eq!(ended, [changed.ended[0].as_str()]);
    })
    .await;
}

#[actix_web::test]
async fn a_new_prohibition_ends_what_it_touches() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.granted(decision(&home.shirakaba)).await;
        let elsewhere = home.forbids(&home.yukimi, None).await;
        assert!(elsewhere.ended.is_empty());
        let other_data = home
            .forbids(&home.shirakaba, Some(of(&[Category::Genomic])))
            .await;
        assert!(
            other_data.ended.is_empty(),
            "the token has no genomic data in its scope"
        );
        let touching = home
            .forbids(&home.shirakaba, Some(of(&[Category::Rx])))
            .await;
        assert_eq!(touching.ended.len(), 1);
        assert_eq!(home.live().await, 0);
    })
    .await;
}

#[actix_web::test]
async fn what_only_gives_more_ends_nothing() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let prohibition = home
            .forbids(&home.shirakaba, Some(of(&[Category::Rx])))
            .await;
        let lab = Decision {
            categories: of(&[Category::Lab, Category::Rx]),
            ..decision(&home.shirakaba)
        };
        home.granted(lab).await;
        let wider = home
            .permits(&home.shirakaba, &[Category::Lab, Category::Vital])
            .await;
        assert!(wider.ended.is_empty());
        let lifted = home.consents.withdraw(&prohibition.id).await.unwrap();
        assert!(lifted.ended.is_empty());
        assert_eq!(home.live().await, 1);
        let narrower = home.consents.withdraw(&wider.id).await.unwrap();
        assert!(
            narrower.ended.is_empty(),
            "the token was minted before and without it"
        );
    })
    .await;
}

#[actix_web::test]
async fn a_local_directive_is_its_charts_alone() {
    on_each_async(async |database| {
        let home = Home::on(database);
        home.granted(decision(&home.shirakaba)).await;
        home.reserve(Rid(7), Provision::any(ProvisionType::Deny))
            .await;
        assert_eq!(home.live().await, 1);
        let of_chart = |rid| {
            let database = home.database.clone();
            async move {
                database
                    .read(move |connection| local_directives(connection, rid))
                    .await
            }
        };
        assert_eq!(of_chart(Rid(7)).await.unwrap().len(), 1);
        assert!(of_chart(Rid(8)).await.unwrap().is_empty());
        assert!(
            home.consents
                .list(Subject::Person(taro()))
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[actix_web::test]
async fn explaining_names_the_directive_that_decides() {
    on_each_async(async |database| {
        let home = Home::on(database);
        let permit = home
            .permits(&home.shirakaba, &[Category::Lab, Category::Rx])
            .await;
        home.clock.advance(1);
        let deny = home
            .forbids(&home.shirakaba, Some(of(&[Category::Rx])))
            .await;
        let ask = async |category, purpose| {
            let context = Context {
                requester: home.shirakaba.id.clone(),
                practitioner: Some(doctor()),
                purpose,
                at: NOW,
            };
            let labels = Labels::NONE.with(Label::Psy);
            let question = Question {
                context,
                category,
                labels,
            };
            home.consents.explain(hana(), question).await.unwrap()
        };
        let lab = ask(Category::Lab, Purpose::Treat).await;
        assert_eq!(
            (lab.explanation, lab.directive),
            (Explanation::Permitted(0), Some(permit.id))
        );
        let rx = ask(Category::Rx, Purpose::Treat).await;
        assert_eq!(
            (rx.explanation, rx.directive),
            (Explanation::DeniedAtHome(1), Some(deny.id))
        );
        let research = ask(Category::Lab, Purpose::Hresch).await;
        assert_eq!(research.explanation, Explanation::NothingPermits);
    })
    .await;
}
