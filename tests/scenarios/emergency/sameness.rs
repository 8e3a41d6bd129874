//! Nobody, several, denied and filtered are one answer, to the byte.

use federation_protocol::consent::{Provision, ProvisionType};
use scenarios::{Store, charts};

use super::{patient, town};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_several_denied_and_filtered_are_one_answer_in_an_emergency() {
    for store in Store::each() {
        let (town, _hana) = town(store).await;
        let (yukimi, now) = (town.at("yukimi"), town.now());
        let mut chart = vec![
            patient("twice-1", "タナカ フタリ"),
            patient("twice-2", "タナカ フタリ"),
            patient("denied", "タナカ キョヒ"),
            patient("filtered", "タナカ シーン"),
            patient("empty", "タナカ カラ"),
        ];
        for id in ["twice-1", "twice-2", "denied"] {
            chart.extend(charts::one_of_each(id));
        }
        let hidden = charts::one_of_each("filtered").into_iter();
        chart.extend(hidden.map(charts::psychiatric));
        // One who may be meant as well, for nobody wrote down the sex.
        let mut vague = patient("vague-1", "タナカ アイマイ");
        vague.as_object_mut().unwrap().remove("gender");
        chart.extend([vague, patient("vague-2", "タナカ アイマイ")]);
        chart.extend(charts::one_of_each("vague-2"));
        yukimi.load(&chart).await;
        let deny = Provision::any(ProvisionType::Deny);
        yukimi.reserve("denied", deny).await;

        let envoy = town.at("shirakaba").envoy();
        let mut replies = Vec::new();
        for kana in [
            "タナカ ダレモ",
            "タナカ フタリ",
            "タナカ キョヒ",
            "タナカ シーン",
            "タナカ カラ",
            "タナカ アイマイ",
        ] {
            replies.push((kana, envoy.asks_urgently(yukimi, kana, now).await));
        }
        let (_, first) = &replies[0];
        assert_eq!(first.status, 200);
        for (kana, reply) in &replies {
            assert_eq!(reply.told(), first.told(), "{kana}");
        }
        let shown = envoy.asks_urgently(yukimi, super::HANA, now).await;
        assert_ne!(
            shown.told(),
            first.told(),
            "there is something to tell apart"
        );
        town.stop().await;
    }
}
