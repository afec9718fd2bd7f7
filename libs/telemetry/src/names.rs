//! The metrics of the suite: one list, so that a dashboard and the code cannot drift apart.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Calls answered, by `method` and gRPC `code`.
pub const RPC_REQUESTS_TOTAL: &str = "siyu_rpc_requests_total";
/// How long calls took, by `method`.
pub const RPC_REQUEST_SECONDS: &str = "siyu_rpc_request_seconds";
/// Calls being worked on.
pub const RPC_IN_FLIGHT: &str = "siyu_rpc_in_flight";
/// Client connections held.
pub const CONNECTIONS_OPEN: &str = "siyu_connections_open";
/// Client connections closed at once because the limit was reached.
pub const CONNECTIONS_REFUSED_TOTAL: &str = "siyu_connections_refused_total";
/// Client connections whose TLS handshake failed.
pub const TLS_HANDSHAKES_FAILED_TOTAL: &str = "siyu_tls_handshakes_failed_total";
/// Signing keys, service tokens and certificates read again, by `source` and `outcome`.
pub const AUTH_RELOADS_TOTAL: &str = "siyu_auth_reloads_total";
/// Repeated calls that got the first answer, by `method`.
pub const MUTATION_REPEATS_TOTAL: &str = "siyu_mutation_repeats_total";
/// Transactions that were run again because they collided with concurrent ones.
pub const CONTENTION_RETRIES_TOTAL: &str = "siyu_contention_retries_total";
/// Rights asked for, by `kind` and `outcome`.
pub const RIGHTS_RESERVATIONS_TOTAL: &str = "siyu_rights_reservations_total";
/// Visits and clicks that were reported to accounts, by `outcome`.
pub const ENGAGEMENTS_TOTAL: &str = "siyu_engagements_total";
/// Looks for what is kept in memory of homepages, by `cache` and `outcome`.
pub const HOMEPAGE_CACHE_TOTAL: &str = "siyu_homepage_cache_total";
/// Coupons asked for, by `outcome`.
pub const COUPON_CLAIMS_TOTAL: &str = "siyu_coupon_claims_total";
/// Shares of envelopes that were asked for, by `outcome`.
pub const ENVELOPE_GRABS_TOTAL: &str = "siyu_envelope_grabs_total";
/// Scans of entry codes, by `outcome`.
pub const ENTRY_CODE_SCANS_TOTAL: &str = "siyu_entry_code_scans_total";
/// Pushes, by `outcome`.
pub const PUSHES_TOTAL: &str = "siyu_pushes_total";
/// Private messages that were stored, by `sender`.
pub const MESSAGES_TOTAL: &str = "siyu_messages_total";
/// Messages that were said in groups, by `sender`.
pub const GROUP_MESSAGES_TOTAL: &str = "siyu_group_messages_total";
/// Users who wanted into groups, by `outcome`.
pub const GROUP_JOINS_TOTAL: &str = "siyu_group_joins_total";
/// Groups that opened because those before them were full.
pub const GROUPS_OPENED_TOTAL: &str = "siyu_groups_opened_total";
/// Recipients of one message to many, by `outcome`.
pub const GROUP_SEND_RECIPIENTS_TOTAL: &str = "siyu_group_send_recipients_total";
/// Messages in which words were found that are looked for, by `action`.
pub const MODERATION_HITS_TOTAL: &str = "siyu_moderation_hits_total";
/// Response targets that were near or missed, by `clock` and `alarm`.
pub const RESPONSE_ALARMS_TOTAL: &str = "siyu_response_alarms_total";
/// Conversations that wait for an agent, in all accounts.
pub const DESK_QUEUE_LENGTH: &str = "siyu_desk_queue_length";
/// Messages that were answered by themselves, by `trigger`.
pub const AUTO_REPLIES_TOTAL: &str = "siyu_auto_replies_total";
/// Messages whose automatic reply was held back, by `reason`.
pub const AUTO_REPLIES_HELD_TOTAL: &str = "siyu_auto_replies_held_total";
/// Messages that searches looked at.
pub const SEARCHED_MESSAGES_TOTAL: &str = "siyu_searched_messages_total";
/// Messages of which what they said was forgotten, by `cause`.
pub const FORGOTTEN_MESSAGES_TOTAL: &str = "siyu_forgotten_messages_total";
/// Runs of questionnaires by message that have come to stand somewhere, by `state`.
pub const QUESTIONNAIRE_RUNS_TOTAL: &str = "siyu_questionnaire_runs_total";
/// Changes of inboxes that other processes were told of over Redis.
pub const REALTIME_PUBLISHED_TOTAL: &str = "siyu_realtime_published_total";
/// Changes of inboxes that other processes were not told of over Redis, which was slow or away.
pub const REALTIME_DROPPED_TOTAL: &str = "siyu_realtime_dropped_total";
/// Times that a hub was connected to Redis, by `hub`.
pub const REALTIME_CONNECTS_TOTAL: &str = "siyu_realtime_connects_total";
/// Whether a hub is connected to Redis, by `hub`.
pub const REALTIME_CONNECTED: &str = "siyu_realtime_connected";
/// Times that all inboxes that are read were compared with storage, since something may have been missed, by `service`.
pub const REALTIME_CATCH_UPS_TOTAL: &str = "siyu_realtime_catch_ups_total";
/// Fans into whose feeds pushes were published.
pub const PUSH_DELIVERIES_TOTAL: &str = "siyu_push_deliveries_total";
/// Pushes that were returned to fans with their feeds, and what they did with them.
pub const PUSH_TOUCHES_TOTAL: &str = "siyu_push_touches_total";
/// Looks for a push and its audience in memory, by `outcome`.
pub const PUSH_AUDIENCE_CACHE_TOTAL: &str = "siyu_push_audience_cache_total";
/// Users who began or ceased to follow an account, by `change`.
pub const FOLLOW_CHANGES_TOTAL: &str = "siyu_follow_changes_total";
/// Users of whom services were told that they are to be reminded of a live, by `kind`.
pub const LIVE_REMINDERS_TOTAL: &str = "siyu_live_reminders_total";
/// Interactions reported to the CRM, by `outcome`.
pub const CRM_INTERACTIONS_TOTAL: &str = "siyu_crm_interactions_total";
/// Fans who changed tier, by `cause`.
pub const CRM_TIER_CHANGES_TOTAL: &str = "siyu_crm_tier_changes_total";
/// How long a sweep for due tier changes took.
pub const CRM_SWEEP_SECONDS: &str = "siyu_crm_sweep_seconds";
/// Seconds that freezing an audience took.
pub const CRM_FREEZE_SECONDS: &str = "siyu_crm_freeze_seconds";
/// Bytes of fans that are kept in memory to answer filters.
pub const CRM_FAN_INDEX_BYTES: &str = "siyu_crm_fan_index_bytes";
/// Times that all fans of an account were read into memory.
pub const CRM_FAN_INDEX_LOADS_TOTAL: &str = "siyu_crm_fan_index_loads_total";
/// Accounts whose fans had to leave memory for those of others.
pub const CRM_FAN_INDEX_EVICTIONS_TOTAL: &str = "siyu_crm_fan_index_evictions_total";
/// Fans in memory who were read again because they had changed.
pub const CRM_FAN_INDEX_REFRESHED_FANS_TOTAL: &str = "siyu_crm_fan_index_refreshed_fans_total";
/// How long finding the fans of filters took, once all were in memory.
pub const CRM_SELECT_SECONDS: &str = "siyu_crm_select_seconds";
/// Events that were given a position, by `feed`.
pub const EVENTS_PUBLISHED_TOTAL: &str = "siyu_events_published_total";
/// Events that are written and have no position yet, by `feed`.
pub const EVENTS_UNPUBLISHED: &str = "siyu_events_unpublished";
/// Events that were applied or parked, by `consumer`.
pub const EVENTS_CONSUMED_TOTAL: &str = "siyu_events_consumed_total";
/// Published events that a consumer has not come to yet, by `consumer`.
pub const EVENT_CONSUMER_LAG: &str = "siyu_event_consumer_lag";
/// Keys whose events wait because one cannot be applied, by `consumer`.
pub const EVENT_PARKED_KEYS: &str = "siyu_event_parked_keys";
/// Calls that shared a transaction, by `use_case`.
pub const GROUP_COMMIT_CALLS: &str = "siyu_group_commit_calls";
/// Batches that failed as a whole and were done call by call, by `use_case`.
pub const GROUP_COMMIT_SPLIT_TOTAL: &str = "siyu_group_commit_split_total";

/// Tells the recorder what each metric means; `start` calls it.
pub fn describe() {
    describe_counter!(RPC_REQUESTS_TOTAL, "Calls answered, by method and gRPC code");
    describe_histogram!(RPC_REQUEST_SECONDS, Unit::Seconds, "How long calls took, by method");
    describe_gauge!(RPC_IN_FLIGHT, "Calls being worked on");
    describe_gauge!(CONNECTIONS_OPEN, "Client connections held");
    describe_counter!(CONNECTIONS_REFUSED_TOTAL, "Client connections closed because the limit was reached");
    describe_counter!(TLS_HANDSHAKES_FAILED_TOTAL, "Client connections whose TLS handshake failed");
    describe_counter!(
        AUTH_RELOADS_TOTAL,
        "Signing keys, service tokens and certificates read again, by source and outcome"
    );
    describe_counter!(MUTATION_REPEATS_TOTAL, "Repeated calls that got the first answer, by method");
    describe_counter!(CONTENTION_RETRIES_TOTAL, "Transactions run again because they collided");
    describe_counter!(RIGHTS_RESERVATIONS_TOTAL, "Rights asked for, by kind and outcome");
    describe_counter!(ENGAGEMENTS_TOTAL, "Visits and clicks that were reported to accounts, by outcome");
    describe_counter!(HOMEPAGE_CACHE_TOTAL, "Looks for what is kept of homepages, by cache and outcome");
    describe_counter!(COUPON_CLAIMS_TOTAL, "Coupons asked for, by outcome");
    describe_counter!(ENVELOPE_GRABS_TOTAL, "Shares of envelopes that were asked for, by outcome");
    describe_counter!(ENTRY_CODE_SCANS_TOTAL, "Scans of entry codes, by outcome");
    describe_counter!(MESSAGES_TOTAL, "Private messages that were stored, by sender");
    describe_counter!(GROUP_MESSAGES_TOTAL, "Messages that were said in groups, by sender");
    describe_counter!(GROUP_JOINS_TOTAL, "Users who wanted into groups, by outcome");
    describe_counter!(GROUPS_OPENED_TOTAL, "Groups that opened because those before them were full");
    describe_counter!(GROUP_SEND_RECIPIENTS_TOTAL, "Recipients of one message to many, by outcome");
    describe_counter!(
        MODERATION_HITS_TOTAL,
        "Messages in which words were found that are looked for, by action"
    );
    describe_counter!(RESPONSE_ALARMS_TOTAL, "Response targets that were near or missed, by clock and alarm");
    describe_gauge!(DESK_QUEUE_LENGTH, "Conversations that wait for an agent");
    describe_counter!(AUTO_REPLIES_TOTAL, "Messages that were answered by themselves, by trigger");
    describe_counter!(AUTO_REPLIES_HELD_TOTAL, "Messages whose automatic reply was held back, by reason");
    describe_counter!(SEARCHED_MESSAGES_TOTAL, "Messages that searches looked at");
    describe_counter!(FORGOTTEN_MESSAGES_TOTAL, "Messages whose content was forgotten, by cause");
    describe_counter!(
        QUESTIONNAIRE_RUNS_TOTAL,
        "Runs of questionnaires by message that have come to stand somewhere, by state"
    );
    describe_counter!(REALTIME_PUBLISHED_TOTAL, "Changes of inboxes that others were told of over Redis");
    describe_counter!(REALTIME_DROPPED_TOTAL, "Changes of inboxes that others were not told of over Redis");
    describe_counter!(REALTIME_CONNECTS_TOTAL, "Times that a hub was connected to Redis, by hub");
    describe_gauge!(REALTIME_CONNECTED, "Whether a hub is connected to Redis, by hub");
    describe_counter!(
        REALTIME_CATCH_UPS_TOTAL,
        "Times that all inboxes were compared with storage, by service"
    );
    describe_counter!(PUSHES_TOTAL, "Pushes, by outcome");
    describe_counter!(PUSH_DELIVERIES_TOTAL, "Fans into whose feeds pushes were published");
    describe_counter!(PUSH_TOUCHES_TOTAL, "Pushes that fans were shown, and what they did with them");
    describe_counter!(PUSH_AUDIENCE_CACHE_TOTAL, "Looks for a push and its audience in memory, by outcome");
    describe_counter!(FOLLOW_CHANGES_TOTAL, "Users who began or ceased to follow an account, by change");
    describe_counter!(
        LIVE_REMINDERS_TOTAL,
        "Users to be reminded of a live, or told that it is cancelled, by kind"
    );
    describe_counter!(CRM_INTERACTIONS_TOTAL, "Interactions reported to the CRM, by outcome");
    describe_counter!(CRM_TIER_CHANGES_TOTAL, "Fans who changed tier, by cause");
    describe_histogram!(CRM_SWEEP_SECONDS, Unit::Seconds, "How long a sweep for due tier changes took");
    describe_histogram!(
        CRM_FREEZE_SECONDS,
        Unit::Seconds,
        "How long freezing the audience of a message took"
    );
    describe_gauge!(CRM_FAN_INDEX_BYTES, Unit::Bytes, "Bytes of fans kept in memory to answer filters");
    describe_counter!(CRM_FAN_INDEX_LOADS_TOTAL, "Times that all fans of an account were read into memory");
    describe_counter!(CRM_FAN_INDEX_EVICTIONS_TOTAL, "Accounts whose fans had to leave memory for others");
    describe_counter!(CRM_FAN_INDEX_REFRESHED_FANS_TOTAL, "Fans read again because they had changed");
    describe_histogram!(CRM_SELECT_SECONDS, Unit::Seconds, "How long finding the fans of filters took");
    describe_counter!(EVENTS_PUBLISHED_TOTAL, "Events that were given a position, by feed");
    describe_gauge!(EVENTS_UNPUBLISHED, "Events that are written and have no position yet, by feed");
    describe_counter!(EVENTS_CONSUMED_TOTAL, "Events that were applied or parked, by consumer");
    describe_gauge!(EVENT_CONSUMER_LAG, "Published events that a consumer has not come to yet");
    describe_gauge!(EVENT_PARKED_KEYS, "Keys whose events wait because one cannot be applied, by consumer");
    describe_histogram!(GROUP_COMMIT_CALLS, "Calls that shared a transaction, by use case");
    describe_counter!(GROUP_COMMIT_SPLIT_TOTAL, "Batches that failed as a whole and were done call by call");
}
