//! Good requests to `siyu.common.v1`.

use siyu_proto::common::v1::{ListAuditEntriesRequest, Role};

use super::requests::{About, Good, good};

pub(super) fn all(about: About<'_>) -> Vec<Good> {
    let parent = about.account();
    let service = "accounts".to_owned();
    vec![good(Role::Admin, &ListAuditEntriesRequest { parent, service, ..Default::default() })]
}
