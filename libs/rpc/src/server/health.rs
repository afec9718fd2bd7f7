//! What a server says of itself: health and reflection.

use siyu_proto::DESCRIPTORS;
use tonic::service::Routes;
use tonic_health::{ServingStatus, server::HealthReporter};

/// The names health is told of beside those of the services.
const LIVENESS: &str = "liveness";
const PROBES: [&str; 3] = [LIVENESS, "readiness", "startup"];
/// Largest question to health or reflection, in bytes: they are names, and may be asked without a token.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// Adds health and reflection to the routes of `services`.
///
/// # Errors
/// When the reflection data is damaged.
pub(super) fn add_to(
    routes: Routes,
    services: &[&'static str],
) -> Result<(Routes, Health), tonic_reflection::server::Error> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let routes = routes
        .add_service(health_service.max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(reflection(services).build_v1()?.max_decoding_message_size(MAX_MESSAGE_BYTES))
        .add_service(reflection(services).build_v1alpha()?.max_decoding_message_size(MAX_MESSAGE_BYTES));
    Ok((routes, Health { reporter, services: services.to_vec() }))
}

fn reflection(services: &[&'static str]) -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health");
    services.iter().fold(builder, |builder, service| builder.with_service_name(*service))
}

/// The health of a server and its services.
pub(super) struct Health {
    reporter: HealthReporter,
    services: Vec<&'static str>,
}

impl Health {
    /// From now on calls are welcome.
    pub(super) async fn serving(&self) {
        self.reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
        self.report(ServingStatus::Serving).await;
    }

    /// From now on they are not. The process is alive all the same: restarting it would cut the calls it still answers.
    pub(super) async fn draining(&self) {
        self.report(ServingStatus::NotServing).await;
    }

    /// Tells whether calls are welcome: everybody but who asks for liveness, not for a moment.
    async fn report(&self, status: ServingStatus) {
        let others = PROBES.iter().filter(|name| **name != LIVENESS);
        for name in others.chain(&self.services).chain(&[""]) {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
