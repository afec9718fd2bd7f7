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
/// Interactions reported to the CRM, by `outcome`.
pub const CRM_INTERACTIONS_TOTAL: &str = "siyu_crm_interactions_total";
/// Fans who changed tier, by `cause`.
pub const CRM_TIER_CHANGES_TOTAL: &str = "siyu_crm_tier_changes_total";
/// How long a sweep for due tier changes took.
pub const CRM_SWEEP_SECONDS: &str = "siyu_crm_sweep_seconds";

/// Tells the recorder what each metric means; `start` calls it.
pub fn describe() {
    describe_counter!(RPC_REQUESTS_TOTAL, "Calls answered, by method and gRPC code");
    describe_histogram!(RPC_REQUEST_SECONDS, Unit::Seconds, "How long calls took, by method");
    describe_gauge!(RPC_IN_FLIGHT, "Calls being worked on");
    describe_gauge!(CONNECTIONS_OPEN, "Client connections held");
    describe_counter!(CONNECTIONS_REFUSED_TOTAL, "Client connections closed because the limit was reached");
    describe_counter!(CRM_INTERACTIONS_TOTAL, "Interactions reported to the CRM, by outcome");
    describe_counter!(CRM_TIER_CHANGES_TOTAL, "Fans who changed tier, by cause");
    describe_histogram!(CRM_SWEEP_SECONDS, Unit::Seconds, "How long a sweep for due tier changes took");
}
