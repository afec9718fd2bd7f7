//! What users do for themselves, and for nobody else.

use siyu_proto::{
    METHODS,
    accounts::v1::{
        CancelAppointmentRequest, CancelBookingRequest, ClaimCouponRequest, CreateAppointmentRequest,
        CreateBookingRequest, GetHomepageRequest, LeadAnswer, ListFreeSlotsRequest,
        ListUserAppointmentsRequest, ListUserBookingsRequest, ListUserClaimsRequest, ScanEntryCodeRequest,
        SubmitLeadRequest,
    },
    common::v1::{Access, Role},
    crm::v1::{GetReachPreferenceRequest, ReachPreference, UpdateReachPreferenceRequest},
    groups::v1::{
        self as groups, GrabEnvelopeRequest, JoinGroupRequest, LeaveGroupRequest, ListMembershipsRequest,
    },
    messaging::v1::{
        ListConversationsRequest, ListMessagesRequest, MarkReadRequest, RateConversationRequest,
        RecallMessageRequest, ReportMessageRequest, SendMessageRequest, StreamInboxRequest,
        TapMenuItemRequest,
    },
    subscriptions::v1::{
        FollowRequest, GetFollowRequest, ListFeedRequest, ListFollowingRequest, ReportFeedRequest,
        StreamFeedRequest, UnfollowRequest,
    },
};
use siyu_rpc::auth::{Caller, Grant};
use siyu_tests::TestSuite;

use super::{
    bearer, let_in, refused,
    requests::{Good, good},
};
use crate::{
    menus::tapping,
    messages::from_user,
    raw::{call, channel},
};

/// It is not by a role that users may.
const NO_ROLE: Role = Role::Unspecified;

/// A request by the user `users/u1` to each method for users. What they are about does not exist: nobody who may not ask
/// learns even that.
fn all() -> Vec<Good> {
    let parent = || "accounts/mine".to_owned();
    let user = || "users/u1".to_owned();
    let card = || "accounts/mine/cards/card".to_owned();
    let content = || "accounts/mine/contents/live".to_owned();
    let group = || "accounts/mine/groups/fans".to_owned();
    let answer = LeadAnswer { key: "name".to_owned(), values: vec!["Li".to_owned()], ..Default::default() };
    vec![
        good(NO_ROLE, &GetHomepageRequest { name: "accounts/mine/homepage".to_owned(), viewer: user() }),
        good(
            NO_ROLE,
            &ClaimCouponRequest {
                name: card(),
                user: user(),
                claim_id: "c".to_owned(),
                ..Default::default()
            },
        ),
        good(NO_ROLE, &ListUserClaimsRequest { parent: parent(), user: user(), ..Default::default() }),
        good(
            NO_ROLE,
            &ScanEntryCodeRequest {
                short_code: "0123456789".to_owned(),
                user: user(),
                scan_id: "s".to_owned(),
            },
        ),
        good(
            NO_ROLE,
            &SubmitLeadRequest {
                parent: parent(),
                lead_id: "l".to_owned(),
                form: card(),
                user: user(),
                answers: vec![answer],
                ..Default::default()
            },
        ),
        good(NO_ROLE, &ListFreeSlotsRequest { parent: card(), user: user(), ..Default::default() }),
        good(
            NO_ROLE,
            &CreateBookingRequest {
                parent: parent(),
                booking_id: "b".to_owned(),
                slot: format!("{}/slots/1", card()),
                user: user(),
                ..Default::default()
            },
        ),
        good(NO_ROLE, &CancelBookingRequest { name: "accounts/mine/bookings/b".to_owned(), user: user() }),
        good(NO_ROLE, &ListUserBookingsRequest { parent: parent(), user: user(), ..Default::default() }),
        good(
            NO_ROLE,
            &CreateAppointmentRequest {
                parent: parent(),
                user: user(),
                content: content(),
                ..Default::default()
            },
        ),
        good(NO_ROLE, &CancelAppointmentRequest { parent: content(), user: user() }),
        good(NO_ROLE, &ListUserAppointmentsRequest { parent: parent(), user: user(), ..Default::default() }),
        good(NO_ROLE, &GetReachPreferenceRequest { parent: parent(), user: user() }),
        good(
            NO_ROLE,
            &UpdateReachPreferenceRequest {
                parent: parent(),
                user: user(),
                reach_preference: Some(ReachPreference::default()),
                update_mask: Some(prost_types::FieldMask { paths: vec!["opted_out".to_owned()] }),
                ..Default::default()
            },
        ),
        good(NO_ROLE, &FollowRequest { parent: parent(), user: user(), ..Default::default() }),
        good(NO_ROLE, &UnfollowRequest { parent: parent(), user: user(), ..Default::default() }),
        good(NO_ROLE, &GetFollowRequest { parent: parent(), user: user() }),
        good(NO_ROLE, &ListFollowingRequest { user: user(), ..Default::default() }),
        good(NO_ROLE, &ListFeedRequest { user: user(), ..Default::default() }),
        good(NO_ROLE, &StreamFeedRequest { user: user() }),
        good(NO_ROLE, &ReportFeedRequest { user: user(), ..Default::default() }),
        good(NO_ROLE, &SendMessageRequest { parent: parent(), ..from_user("u1", "hello") }),
        good(NO_ROLE, &TapMenuItemRequest { parent: parent(), ..tapping("u1", "t", "item") }),
        good(NO_ROLE, &ListConversationsRequest { user: user(), ..Default::default() }),
        good(NO_ROLE, &ListMessagesRequest { parent: parent(), user: user(), ..Default::default() }),
        good(NO_ROLE, &MarkReadRequest { parent: parent(), user: user(), sequence: 1 }),
        good(NO_ROLE, &RecallMessageRequest { parent: parent(), user: user(), sequence: 1 }),
        good(NO_ROLE, &JoinGroupRequest { name: group(), user: user(), ..Default::default() }),
        good(NO_ROLE, &LeaveGroupRequest { name: group(), user: user(), ..Default::default() }),
        good(NO_ROLE, &ListMembershipsRequest { user: user(), ..Default::default() }),
        good(
            NO_ROLE,
            &groups::PostMessageRequest { user: user(), ..crate::groups::from_member("u1", "hello") },
        ),
        good(NO_ROLE, &groups::ListMessagesRequest { parent: group(), user: user(), ..Default::default() }),
        good(NO_ROLE, &groups::RecallMessageRequest { parent: group(), user: user(), sequence: 1 }),
        good(NO_ROLE, &groups::PinMessageRequest { parent: group(), user: user(), sequence: 1 }),
        good(NO_ROLE, &groups::MarkReadRequest { parent: group(), user: user(), sequence: 1 }),
        good(NO_ROLE, &groups::StreamMessagesRequest { parent: group(), user: user(), ..Default::default() }),
        good(NO_ROLE, &StreamInboxRequest { user: user(), ..Default::default() }),
        good(
            NO_ROLE,
            &ReportMessageRequest { parent: parent(), user: user(), sequence: 2, comment: String::new() },
        ),
        good(
            NO_ROLE,
            &GrabEnvelopeRequest { name: format!("{}/groups/vip/envelopes/red", parent()), user: user() },
        ),
        good(
            NO_ROLE,
            &RateConversationRequest { parent: parent(), user: user(), stars: 5, ..Default::default() },
        ),
    ]
}

async fn a_user_acts_for_nobody_else(suite: TestSuite) {
    suite.account("mine", "mine").await;
    let requests = all();
    for method in METHODS.iter().filter(|method| method.access == Access::User) {
        let count = requests.iter().filter(|request| request.path == method.path).count();
        assert_eq!(count, 1, "{}: one request in tests/suite/access/users.rs", method.path);
    }
    let channel = channel(&suite).await;
    let owner = Grant { resource: "accounts/mine".to_owned(), role: Role::Owner };
    let own = [Caller::user("users/u1"), Caller::user("u1"), Caller::service("platform")];
    let others =
        [Caller::user("users/u2"), Caller::user("users/u1/x"), Caller::operator("users/u1", vec![owner])];
    for request in requests {
        let message = || vec![request.message.clone()];
        for caller in &own {
            let token = bearer(&suite.token(caller));
            // A stream that never ends is ended.
            let headers = [("authorization", token.as_str()), ("grpc-timeout", "2S")];
            let answer = call(&channel, request.path, &headers, message()).await;
            let_in(&answer, request.path);
        }
        for caller in &others {
            let token = bearer(&suite.token(caller));
            let answer = call(&channel, request.path, &[("authorization", &token)], message()).await;
            refused(answer, "ROLE_TOO_LOW", request.path);
        }
    }
    suite.finish().await;
}

siyu_tests::on_both_engines!(a_user_acts_for_nobody_else);
