//! What a process does beside answering calls.

use std::time::Duration;

use siyu_accounts::Accounts;
use siyu_clock::Micros;
use siyu_crm::Crm;
use siyu_groups::Groups;
use siyu_messaging::Messaging;
use siyu_outbox::{Follower, Listener, Outbox};
use siyu_realtime::Link;
use siyu_subscriptions::Subscriptions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often the metrics learn how many events wait.
const MEASURE_INTERVAL: Duration = Duration::from_secs(30);
/// How long work may take to come to its end when the process stops.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Work beside the calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Background {
    pub(crate) accounts: Option<(Accounts, Duration)>,
    pub(crate) crm: Option<(Crm, Duration)>,
    pub(crate) subscriptions: Option<(Subscriptions, Duration)>,
    pub(crate) messaging: Option<(Messaging, Duration)>,
    pub(crate) groups: Option<(Groups, Duration)>,
    /// The events of the services of this process.
    pub(crate) outboxes: Vec<Outbox>,
    /// How they keep up with the events of others.
    pub(crate) followers: Vec<Follower>,
    /// How what they keep in memory keeps up with events.
    pub(crate) listeners: Vec<Listener>,
    /// How whoever listens here hears at once of what other processes store, where there is Redis.
    pub(crate) links: Vec<Link>,
}

/// Work beside the calls that is being done.
#[derive(Debug)]
pub struct Running {
    /// Work that never ends by itself.
    jobs: JoinSet<()>,
    /// These end when told to, after they have given back their leases.
    publishers: JoinSet<()>,
    stop: CancellationToken,
}

impl Background {
    /// Does everything that is due at `now`, and lets the events of this process arrive.
    pub(crate) async fn tick(&self, now: Micros) -> Result<(), siyu_rpc::Error> {
        self.do_what_is_due(now).await?;
        self.deliver().await
    }

    /// Does everything that is due at `now`; the events of it are to arrive later.
    pub(crate) async fn do_what_is_due(&self, now: Micros) -> Result<(), siyu_rpc::Error> {
        if let Some((accounts, _)) = &self.accounts {
            accounts.tick(now).await?;
        }
        if let Some((crm, _)) = &self.crm {
            crm.tick(now).await?;
        }
        if let Some((subscriptions, _)) = &self.subscriptions {
            subscriptions.tick(now).await?;
        }
        if let Some((messaging, _)) = &self.messaging {
            messaging.tick(now).await?;
        }
        if let Some((groups, _)) = &self.groups {
            groups.tick(now).await?;
        }
        Ok(())
    }

    /// Lets the events of this process arrive, and those that come of them.
    async fn deliver(&self) -> Result<(), siyu_rpc::Error> {
        let mut told = self.deliver_once().await?;
        while self.settle().await? != told {
            told = self.deliver_once().await?;
        }
        Ok(())
    }

    /// Lets the events arrive that this process has written until now; answers how many ever were.
    pub(crate) async fn deliver_once(&self) -> Result<i64, siyu_rpc::Error> {
        let told = self.settle().await?;
        for follower in &self.followers {
            follower.catch_up().await?;
        }
        Ok(told)
    }

    /// Waits until all events of this process are published; answers how many ever were.
    async fn settle(&self) -> Result<i64, siyu_rpc::Error> {
        let mut count = 0;
        for outbox in &self.outboxes {
            count += outbox.settle().await?;
        }
        Ok(count)
    }

    /// Tells the metrics, again and again, how many events wait.
    async fn measure(self) {
        let mut timer = tokio::time::interval(MEASURE_INTERVAL);
        loop {
            timer.tick().await;
            for outbox in &self.outboxes {
                note(outbox.measure_unpublished().await);
            }
            for follower in &self.followers {
                note(follower.measure_parked().await);
            }
        }
    }

    /// Does all of it, again and again.
    pub(crate) fn start(&self) -> Running {
        let mut running = self.start_publishing();
        let jobs = &mut running.jobs;
        if let Some((accounts, interval)) = &self.accounts {
            jobs.spawn(accounts.clone().run_jobs(*interval));
        }
        if let Some((crm, interval)) = &self.crm {
            jobs.spawn(crm.clone().run_jobs(*interval));
        }
        if let Some((subscriptions, interval)) = &self.subscriptions {
            jobs.spawn(subscriptions.clone().run_jobs(*interval));
        }
        if let Some((messaging, interval)) = &self.messaging {
            jobs.spawn(messaging.clone().run_jobs(*interval));
        }
        if let Some((groups, interval)) = &self.groups {
            jobs.spawn(groups.clone().run_jobs(*interval));
        }
        for follower in &self.followers {
            jobs.spawn(follower.clone().run());
        }
        for listener in &self.listeners {
            jobs.spawn(listener.clone().run());
        }
        for link in &self.links {
            jobs.spawn(link.clone().run());
        }
        jobs.spawn(self.clone().measure());
        running
    }

    /// Publishes events and does nothing else: for who lets them arrive one after the other, always in the same order.
    pub(crate) fn start_publishing(&self) -> Running {
        let mut publishers = JoinSet::new();
        let stop = CancellationToken::new();
        for outbox in &self.outboxes {
            publishers.spawn(outbox.clone().run(stop.clone()));
        }
        Running { jobs: JoinSet::new(), publishers, stop }
    }
}

impl Running {
    /// Adds work that ends with the process.
    pub(crate) fn spawn(&mut self, job: impl Future<Output = ()> + Send + 'static) {
        self.jobs.spawn(job);
    }

    /// Ends it all: what has something to give back gets a little time for that.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let gave_back = async { while self.publishers.join_next().await.is_some() {} };
        // Who does not end in time is ended: the next publisher then waits for the lease.
        let _ = tokio::time::timeout(STOP_LIMIT, gave_back).await;
        self.publishers.shutdown().await;
        self.jobs.shutdown().await;
    }
}

/// What cannot be measured now is measured the next time.
fn note(measured: Result<(), siyu_rpc::Error>) {
    if let Err(error) = measured {
        tracing::debug!(%error, "waiting events could not be counted");
    }
}
