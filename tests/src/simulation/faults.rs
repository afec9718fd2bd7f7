//! What goes wrong on the simulated network: one thing at a time, with calm between.

use std::{ops::Range, time::Duration};

use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use turmoil::Sim;

use super::hosts::{ACCOUNTS, CLIENTS, CRM};

/// Two hosts that talk to each other.
type Link = (&'static str, &'static str);

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Nothing runs there, until it starts anew.
    Crash(&'static str),
    /// It starts anew at once.
    Bounce,
    /// Nothing gets through.
    Partition(Link),
    /// Nothing gets through in one direction.
    OneWay(Link),
    /// All that is sent is late, and then comes at once.
    Hold(Link),
    /// Some of it is lost, and what is sent after it on that connection.
    Loss(Link),
}

const LINKS: [Link; 3] = [(CLIENTS, CRM), (CLIENTS, ACCOUNTS), (CRM, ACCOUNTS)];
const SERVERS: [&str; 2] = [ACCOUNTS, CRM];
const CALM_MILLIS: Range<u64> = 100..1_000;
/// Also longer than it takes to notice, by keepalive, that the other side is gone.
const FAULT_MILLIS: Range<u64> = 50..3_500;
const LOSS_RATE: f64 = 0.05;

/// Faults in a row that the seed decides.
#[derive(Debug)]
pub(super) struct Faults {
    random: ChaCha8Rng,
    current: Option<Fault>,
    /// When the current fault ends, or the next begins.
    next: Duration,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let next = Duration::from_millis(random.random_range(CALM_MILLIS));
        Self { random, current: None, next }
    }

    /// Begins or ends a fault where it is time to.
    pub(super) fn go_on(&mut self, network: &mut Sim<'_>) {
        if network.elapsed() < self.next {
            return;
        }
        let lasts = if self.current.is_some() {
            self.mend(network);
            CALM_MILLIS
        } else {
            self.current = Some(self.begin(network));
            FAULT_MILLIS
        };
        self.next = network.elapsed() + Duration::from_millis(self.random.random_range(lasts));
    }

    fn begin(&mut self, network: &mut Sim<'_>) -> Fault {
        let server = SERVERS.choose(&mut self.random).copied().unwrap_or(CRM);
        let link = LINKS.choose(&mut self.random).copied().unwrap_or((CRM, ACCOUNTS));
        let (one, other) = if self.random.random_bool(0.5) { link } else { (link.1, link.0) };
        match self.random.random_range(0..6) {
            0 => {
                network.crash(server);
                Fault::Crash(server)
            }
            1 => {
                network.bounce(server);
                Fault::Bounce
            }
            2 => {
                network.partition(one, other);
                Fault::Partition(link)
            }
            3 => {
                network.partition_oneway(one, other);
                Fault::OneWay((one, other))
            }
            4 => {
                network.hold(one, other);
                Fault::Hold(link)
            }
            _ => {
                network.set_link_fail_rate(one, other, LOSS_RATE);
                Fault::Loss(link)
            }
        }
    }

    /// Ends the fault, if there is one.
    pub(super) fn mend(&mut self, network: &mut Sim<'_>) {
        match self.current.take() {
            Some(Fault::Crash(host)) => network.bounce(host),
            Some(Fault::Partition((one, other))) => network.repair(one, other),
            Some(Fault::OneWay((one, other))) => network.repair_oneway(one, other),
            Some(Fault::Hold((one, other))) => network.release(one, other),
            Some(Fault::Loss((one, other))) => {
                network.set_link_fail_rate(one, other, 0.0);
                network.repair(one, other);
            }
            Some(Fault::Bounce) | None => {}
        }
    }
}
