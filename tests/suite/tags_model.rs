//! Random giving and taking of tags, one after the other and at once, against plain sets.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use siyu_tests::TestSuite;

use crate::{
    support::seeded,
    tags::{batch, create, delete, get, import, shop_with_fans, standing_tags, tag, tagged, tags_of, untag},
};

const USERS: [&str; 6] = ["u1", "u2", "u3", "u4", "u5", "u6"];
const TAGS: [&str; 4] = ["a", "b", "c", "d"];

/// Some of the users, each at most once.
fn some(random: &mut impl RngExt) -> Vec<&'static str> {
    USERS.into_iter().filter(|_| random.random_bool(0.5)).collect()
}

async fn fans_have_the_tags_that_plain_sets_have(suite: TestSuite) {
    shop_with_fans(&suite, &USERS).await;
    let mut model: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for tag_id in TAGS {
        create(&suite, "shop", tag_id).await.unwrap();
        model.insert(tag_id, BTreeSet::new());
    }
    let mut random = seeded(7);
    for step in 0..120 {
        let tag_id = TAGS[random.random_range(0..TAGS.len())];
        let users = some(&mut random);
        let have = model.get_mut(tag_id).unwrap();
        match random.random_range(0..10) {
            0..4 if !users.is_empty() => {
                let new = users.iter().filter(|user| have.insert(user)).count();
                let answer = tag(&suite, tag_id, &users).await.unwrap();
                assert_eq!(answer.tagged_count, i64::try_from(new).unwrap(), "step {step}");
            }
            4..7 if !users.is_empty() => {
                let gone = users.iter().filter(|user| have.remove(*user)).count();
                let answer = untag(&suite, tag_id, &users).await.unwrap();
                assert_eq!(answer.untagged_count, i64::try_from(gone).unwrap(), "step {step}");
            }
            7..9 => {
                let rows: Vec<(&str, &str)> = (0..8)
                    .map(|_| {
                        (USERS[random.random_range(0..USERS.len())], TAGS[random.random_range(0..TAGS.len())])
                    })
                    .collect();
                let new =
                    rows.iter().filter(|(user, tag_id)| model.get_mut(tag_id).unwrap().insert(user)).count();
                let answer = import(&suite, vec![batch("shop", &rows)]).await.unwrap();
                assert_eq!(answer.tagged_count, i64::try_from(new).unwrap(), "step {step}");
            }
            _ => {
                delete(&suite, tag_id, "").await.unwrap();
                create(&suite, "shop", tag_id).await.unwrap();
                have.clear();
            }
        }
        if step % 20 == 19 {
            check(&suite, &model).await;
        }
    }
    suite.advance(std::time::Duration::from_secs(1)).await;
    check(&suite, &model).await;
    suite.finish().await;
}

async fn check(suite: &TestSuite, model: &BTreeMap<&str, BTreeSet<&str>>) {
    for (tag_id, have) in model {
        let expected: Vec<&str> = have.iter().copied().collect();
        assert_eq!(tagged(suite, tag_id, 4).await, expected, "{tag_id}");
        assert_eq!(get(suite, tag_id).await.unwrap().fan_count, i64::try_from(have.len()).unwrap());
    }
    for user in USERS {
        let expected: Vec<&str> =
            model.iter().filter(|(_, have)| have.contains(user)).map(|(tag_id, _)| *tag_id).collect();
        assert_eq!(standing_tags(suite, user).await, expected);
        assert_eq!(tags_of(suite, user).await.len(), expected.len());
    }
}

async fn concurrent_calls_lose_no_count(suite: TestSuite) {
    shop_with_fans(&suite, &USERS).await;
    create(&suite, "shop", "a").await.unwrap();
    let call = async |seed: u64| {
        let mut random = seeded(seed);
        let mut change = 0;
        for _ in 0..10 {
            let users = some(&mut random);
            if users.is_empty() {
                continue;
            }
            change += match random.random_bool(0.5) {
                true => tag(&suite, "a", &users).await.unwrap().tagged_count,
                false => -untag(&suite, "a", &users).await.unwrap().untagged_count,
            };
        }
        change
    };
    let changes = futures_util::future::join_all((0..8).map(call)).await;
    let fan_count = get(&suite, "a").await.unwrap().fan_count;
    assert_eq!(changes.iter().sum::<i64>(), fan_count);
    assert_eq!(tagged(&suite, "a", 0).await.len(), usize::try_from(fan_count).unwrap());
    suite.finish().await;
}

siyu_tests::on_both_engines!(fans_have_the_tags_that_plain_sets_have, concurrent_calls_lose_no_count);
