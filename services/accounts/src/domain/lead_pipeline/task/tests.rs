use proptest::prelude::*;

use super::*;

const WEEK: Duration = Duration::from_secs(7 * 86_400);

fn at(now: i64) -> Step<'static> {
    Step { actor: "operator:li", note: "", now: Micros(now), return_after: Some(WEEK) }
}

fn task() -> Task {
    Task::submitted(["shop", "l1", "skin-test", "u1"], at(1)).0
}

#[derive(Debug, Clone)]
enum Deed {
    Move(Stage),
    Claim(&'static str),
    Give(Option<&'static str>),
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let agent = || prop::sample::select(vec!["li", "wu", "zhao"]);
    let deed = prop_oneof![
        prop::sample::select(Stage::ALL.to_vec()).prop_map(Deed::Move),
        agent().prop_map(Deed::Claim),
        prop::option::of(agent()).prop_map(Deed::Give),
    ];
    prop::collection::vec(deed, 0..60)
}

fn carry_out(task: &mut Task, deed: &Deed, now: i64) -> Result<Option<Change>, Refused> {
    match deed {
        Deed::Move(stage) => {
            let reason = (*stage == Stage::Lost).then_some(LostReason::Price);
            task.move_to(*stage, reason, at(now)).map(Some)
        }
        Deed::Claim(agent) => task.claim(agent, at(now)),
        Deed::Give(owner) => task.give(*owner, Cause::Assigned, at(now)),
    }
}

proptest! {
    #[test]
    fn the_history_tells_everything_without_a_gap(deeds in deeds()) {
        let (mut task, first) = Task::submitted(["shop", "l1", "skin-test", "u1"], at(1));
        let mut history = vec![first];
        for (now, deed) in (2..).zip(&deeds) {
            let before = task.clone();
            match carry_out(&mut task, deed, now) {
                Ok(Some(change)) => history.push(change),
                // What is refused, or was so before, changes nothing at all.
                Ok(None) | Err(_) => prop_assert_eq!(&task, &before),
            }
            // What is in the pool can be claimed; a reason is there exactly where it is lost.
            prop_assert!(task.owner.is_some() || task.stage.is_open());
            prop_assert_eq!(task.lost_reason.is_some(), task.stage == Stage::Lost);
            let waits = task.owner.is_some() && task.stage.is_open();
            prop_assert_eq!(task.return_time, waits.then(|| task.move_time.plus(WEEK)));
        }
        for (number, two) in (2..).zip(history.windows(2)) {
            let (one, next) = (&two[0], &two[1]);
            prop_assert_eq!(next.number, number);
            prop_assert_eq!(next.previous_stage, Some(one.stage));
            prop_assert_eq!(&next.previous_owner, &one.owner);
            // A step changes the stage or the owner, and never both.
            prop_assert!((next.stage != one.stage) != (next.owner != one.owner));
        }
        let last = history.last().unwrap();
        prop_assert_eq!((last.number, last.stage, &last.owner), (task.revision, task.stage, &task.owner));
    }
}

#[test]
fn one_claims_and_the_others_are_told_who() {
    let mut task = task();
    let claimed = task.claim("li", at(2)).unwrap().unwrap();
    assert_eq!((claimed.cause, claimed.owner.as_deref()), (Cause::Claimed, Some("li")));
    assert_eq!(task.claim("wu", at(3)), Err(Refused::Taken("li".to_owned())));
    assert_eq!(task.claim("li", at(4)), Ok(None));
    assert_eq!((task.revision, task.assign_time), (2, Micros(2)));
}

#[test]
fn what_nobody_has_is_not_moved() {
    assert_eq!(task().move_to(Stage::Contacted, None, at(2)), Err(Refused::InPool));
}

#[test]
fn what_has_ended_stays_with_its_owner_until_it_is_reopened() {
    let mut task = task();
    task.claim("li", at(2)).unwrap();
    task.move_to(Stage::Lost, Some(LostReason::Price), at(3)).unwrap();
    assert_eq!(task.give(None, Cause::GivenBack, at(4)), Err(Refused::Ended(Stage::Lost)));
    assert_eq!(
        task.move_to(Stage::Converted, None, at(4)),
        Err(Refused::NoWay(Stage::Lost, Stage::Converted))
    );
    assert_eq!(task.return_time, None);
    task.move_to(Stage::Contacted, None, at(5)).unwrap();
    assert_eq!((task.stage, task.lost_reason), (Stage::Contacted, None));
    assert!(task.give(None, Cause::GivenBack, at(6)).unwrap().is_some());
}

#[test]
fn a_lead_goes_back_a_week_after_its_last_move() {
    let day = |days: i64| days * Micros::PER_DAY;
    let mut task = task();
    assert_eq!(task.return_time, None, "the pool keeps what it has");
    task.claim("li", at(day(1))).unwrap();
    assert_eq!(task.return_time, Some(Micros(day(8))));
    task.move_to(Stage::Contacted, None, at(day(5))).unwrap();
    assert_eq!(task.return_time, Some(Micros(day(12))));
    let never = Step { return_after: None, ..at(day(6)) };
    task.move_to(Stage::Qualified, None, never).unwrap();
    assert_eq!(task.return_time, None);
}

#[test]
fn causes_survive_storage() {
    assert!(Cause::ALL.into_iter().all(|cause| Cause::named(cause.name()) == Some(cause)));
}
