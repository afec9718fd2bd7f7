//! `siyu.testing.v1.ClockService`: the simulated clock, over the wire.

use std::time::Duration;

use siyu_clock::{Micros, SimClock};
use siyu_proto::testing::v1::{
    AdvanceTimeRequest, AdvanceTimeResponse, GetTimeRequest, GetTimeResponse,
    clock_service_server::ClockService,
};
use siyu_rpc::{admit, time::to_proto};
use tonic::{Request, Response, Status};

use crate::suite::Background;

/// Moves the clock of the process, and the work that waits for it.
#[derive(Debug, Clone)]
pub(crate) struct ClockControl {
    clock: SimClock,
    background: Background,
}

impl ClockControl {
    pub(crate) fn new(clock: SimClock, background: Background) -> Self {
        Self { clock, background }
    }
}

#[tonic::async_trait]
impl ClockService for ClockControl {
    async fn get_time(&self, request: Request<GetTimeRequest>) -> Result<Response<GetTimeResponse>, Status> {
        admit(request)?;
        Ok(Response::new(GetTimeResponse { time: Some(to_proto(self.clock.now())) }))
    }

    async fn advance_time(
        &self,
        request: Request<AdvanceTimeRequest>,
    ) -> Result<Response<AdvanceTimeResponse>, Status> {
        let by = admit(request)?.by.unwrap_or_default();
        // Validation has made sure that neither is negative.
        let by = Duration::new(by.seconds.unsigned_abs(), by.nanos.unsigned_abs());
        let now: Micros = self.clock.advance_to(self.clock.now().plus(by));
        self.background.tick(now).await?;
        Ok(Response::new(AdvanceTimeResponse { time: Some(to_proto(now)) }))
    }
}
