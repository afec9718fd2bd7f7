//! The audit log, read: each service has its entries in its own database, and one process may serve several.

use std::collections::BTreeMap;

use siyu_clock::Micros;
use siyu_db::Db;
use siyu_proto::common::v1::{
    AuditEntry, ErrorReason, ListAuditEntriesRequest, ListAuditEntriesResponse,
    audit_service_server::{AuditService, AuditServiceServer, SERVICE_NAME},
};
use tonic::{Code, Request, Response, Status, service::Routes};

use super::store;
use crate::{
    Error, Page, admit,
    time::{from_proto, to_proto},
};

/// Where an entry stands in the log: its time, then its number.
type Place = (i64, i64);

/// The audit entries of the services of this process.
#[derive(Debug, Clone, Default)]
pub struct AuditLog {
    databases: BTreeMap<&'static str, Db>,
}

impl AuditLog {
    /// The gRPC service it serves.
    pub const SERVICE: &'static str = SERVICE_NAME;

    /// Adds the entries in `db`, the database of `service`.
    pub fn add(&mut self, service: &'static str, db: Db) {
        self.databases.insert(service, db);
    }

    /// Adds its gRPC service to `routes`; a message may have at most `max_message_bytes`.
    #[must_use]
    pub fn add_to(self, routes: Routes, max_message_bytes: usize) -> Routes {
        routes.add_service(AuditServiceServer::new(self).max_decoding_message_size(max_message_bytes))
    }

    fn database(&self, service: &str) -> Result<&Db, Error> {
        self.databases.get(service).ok_or_else(|| {
            let here: Vec<&str> = self.databases.keys().copied().collect();
            let message =
                format!("this server does not run the service {service:?}; it runs {}", here.join(", "));
            Error::new(Code::Unimplemented, ErrorReason::MethodNotFound, message).with("service", service)
        })
    }
}

#[tonic::async_trait]
impl AuditService for AuditLog {
    async fn list_audit_entries(
        &self,
        request: Request<ListAuditEntriesRequest>,
    ) -> Result<Response<ListAuditEntriesResponse>, Status> {
        let request = admit(request)?;
        let start = moment(request.start_time.as_ref(), "start_time")?.unwrap_or(i64::MIN);
        let end = moment(request.end_time.as_ref(), "end_time")?.unwrap_or(i64::MAX);
        let arguments = format!("ListAuditEntries {} {} {start} {end}", request.parent, request.service);
        let page: Page<Place> = Page::read(request.page_size, &request.page_token, arguments)?;

        let mut tx = self.database(&request.service)?.begin_read().await.map_err(Error::from)?;
        let before = page.after.unwrap_or((i64::MAX, i64::MAX));
        let mut found = store::list_entries(&mut tx, &request.parent, (start, end), before, page.limit())
            .await
            .map_err(Error::from)?;
        let next_page_token = page.finish(&mut found, |last| (last.create_time, last.entry_id))?;
        let audit_entries = found.into_iter().map(|entry| to_entry(&request, entry)).collect();
        Ok(Response::new(ListAuditEntriesResponse { audit_entries, next_page_token }))
    }
}

fn moment(time: Option<&prost_types::Timestamp>, field: &str) -> Result<Option<i64>, Error> {
    let Some(time) = time else { return Ok(None) };
    let moment = from_proto(time).ok_or_else(|| Error::invalid_field(field, "must be a valid timestamp"))?;
    Ok(Some(moment.0))
}

fn to_entry(request: &ListAuditEntriesRequest, entry: store::Entry) -> AuditEntry {
    AuditEntry {
        name: format!("{}/auditEntries/{}-{}", request.parent, request.service, entry.entry_id),
        method: entry.method.trim_start_matches('/').to_owned(),
        resource: entry.resource,
        caller: entry.caller,
        on_behalf_of: entry.on_behalf_of,
        request_id: entry.request_id,
        request: entry.request,
        trace_id: entry.trace_id,
        create_time: Some(to_proto(Micros(entry.create_time))),
    }
}
