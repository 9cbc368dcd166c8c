//! One seed from its beginning to its end.

use std::sync::Arc;

use super::act::Act;
use super::fault::{Fault, Swarm, Tally};
use super::letters::Desk;
use super::lies::Syncs;
use super::model::Model;
use super::process::Poisons;
use super::restore::Vaulted;
use super::sabotage::Sabotage;
use super::terms::{self, Terms};
use super::witness::{Checked, Finding, Witness, finding};
use super::work::{REPLIES, Work};
use super::world::World;
use crate::journal::file::disk::Disk as _;
use crate::settings::{OutcomesMode, Settings, SettingsFault};
use crate::simulator::Chance;
use crate::simulator::broker::Broker;
use crate::simulator::clock::SimulatedClock;
use crate::simulator::disk::{Accident, SimulatedDisk};
use crate::telemetry::{Known, Metrics};
use crate::time::Clock;

/// Steps in which things go wrong, at the most.
const STEPS_MAX: u64 = 6_000;
/// Steps in which everything must come to rest once it was healed.
const HEALED_STEPS_MAX: u64 = 60_000;

/// What all seeds of a thread share.
pub struct Bench {
    settings: Settings,
    metrics: Arc<Metrics>,
}

impl Bench {
    /// Read the configuration that all runs begin with.
    pub fn new() -> Result<Self, SettingsFault> {
        let known = Known {
            version: env!("CARGO_PKG_VERSION"),
            commit: "simulated",
            started: std::time::Duration::ZERO,
            partitions: vec![0],
            kinds: Vec::new(),
            dead_letter_codes: Vec::new(),
        };
        Ok(Self {
            settings: terms::settings()?,
            metrics: Arc::new(Metrics::new(&known)),
        })
    }
}

/// What a seed came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Steps made.
    pub steps: u64,
    /// Lives of the daemon.
    pub lives: u64,
    /// Messages sent.
    pub messages: usize,
    /// Outcomes recorded.
    pub outcomes: usize,
    /// Faults that happened.
    pub tally: Tally,
    /// Hash of everything that happened, the bytes on the disk among it.
    pub trace: [u8; 32],
    /// What must not be, if it was.
    pub finding: Option<Finding>,
}

/// Run a seed.
pub fn run(bench: &Bench, seed: u64, sabotage: Option<Sabotage>) -> Report {
    let mut world = world(bench, seed, sabotage);
    let lived = world.live();
    let finding = lived.err();
    let (disk, mut met) = (&world.disk, std::mem::take(&mut world.vaulted.met));
    accidents(disk, &mut met);
    for (fault, count) in met {
        world.tally.insert(fault, count);
    }
    Report {
        seed,
        steps: world.steps,
        lives: world.lives,
        messages: world.sent.len(),
        outcomes: world.witness.outcomes(),
        trace: world.hash(),
        tally: world.tally,
        finding,
    }
}

/// Count the accidents that calls of a disk have met.
pub(super) fn accidents(disk: &SimulatedDisk, tally: &mut Tally) {
    let accidents = [
        (Accident::PowerCut, Fault::PowerCutInCall),
        (Accident::Kill, Fault::KillInCall),
        (Accident::Error, Fault::DiskError),
        (Accident::ShortWrite, Fault::ShortWrite),
        (Accident::NoSpace, Fault::NoSpace),
        (Accident::Lie, Fault::Lie),
    ];
    let met = disk.met();
    for (accident, fault) in accidents {
        if let Some(count) = met.get(&accident) {
            let known = tally.entry(fault).or_default();
            *known = known.saturating_add(*count);
        }
    }
}

fn world(bench: &Bench, seed: u64, sabotage: Option<Sabotage>) -> World {
    let mut chance = Chance::new(seed);
    let terms = Terms::draw(&mut chance.split(), &bench.settings);
    let swarm = Swarm::draw(&mut chance.split());
    let clock = SimulatedClock::default();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let observer = crate::pipeline::observe::Observer::new(Arc::clone(&bench.metrics), shared, 0);
    World {
        broker: Broker::new(terms.broker()),
        disk: terms.disk(&mut chance),
        witness: Witness::new(Model::new(terms.model())),
        work: Work::new(chance.split(), &terms),
        swarm,
        chance,
        clock,
        observer,
        sabotage,
        process: None,
        failing: None,
        reader: None,
        sent: Vec::new(),
        poison: Poisons::default(),
        desk: Desk::default(),
        vaulted: Vaulted::default(),
        damage: None,
        left_proof: true,
        is_tight: false,
        syncs: Syncs::True,
        is_healed: false,
        tally: Tally::new(),
        steps: 0,
        lives: 0,
        trace: blake3::Hasher::new(),
        terms,
    }
}

impl World {
    /// Safety first: whatever goes wrong, nothing wrong is done. Then everything is healed, and all
    /// work must get done.
    fn live(&mut self) -> Checked {
        while self.steps < STEPS_MAX {
            self.step()?;
            if self.is_over() {
                break;
            }
        }
        let was_calm = self.disk.met().is_empty() && self.tally.is_empty();
        self.heal()?;
        self.settle("all work is done", |world| {
            world.is_quiet() || world.is_lost()
        })?;
        if self.is_lost() {
            return Ok(());
        }
        self.witness.compare_books()?;
        self.witness.nothing_due(self.clock.now())?;
        self.stop_in_order()?;
        let published = self.terms.settings.outcomes.mode != OutcomesMode::Off;
        self.witness.owes_nothing(published)?;
        let owed = self.witness.replies_owed(REPLIES);
        if was_calm && !owed.is_empty() {
            return finding(format!("nothing broke, and replies are owed to {owed:?}"));
        }
        Ok(())
    }

    /// Whether enough has gone wrong: everything was sent and most of it had its time.
    fn is_over(&self) -> bool {
        let all_sent = self.sent.len() >= self.terms.messages;
        self.is_lost() || all_sent && (self.is_quiet() || self.steps.is_multiple_of(2_000))
    }

    fn step(&mut self) -> Checked {
        self.steps = self.steps.saturating_add(1);
        if let Some((_, left)) = &mut self.failing {
            if *left == 0 {
                return self.die(false);
            }
            *left = left.saturating_sub(1);
        }
        if self.has_stopped() {
            return self.die(false);
        }
        let acts = self.acts();
        let weights: u64 = acts.iter().map(|(_, weight)| weight).sum();
        let mut left = self.chance.up_to(weights.saturating_sub(1));
        let act = acts.iter().find(|(_, weight)| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        let act = act.map_or(Act::Pass, |(act, _)| *act);
        self.note(&self.steps.to_le_bytes());
        self.act(act)
    }

    /// Go on until something is so, which it must be some time.
    fn settle(&mut self, what: &str, is_so: fn(&Self) -> bool) -> Checked {
        for _ in 0..HEALED_STEPS_MAX {
            if is_so(self) {
                return Ok(());
            }
            self.step()?;
        }
        let inside = self.process.as_ref().map(super::process::Process::inside);
        finding(format!(
            "everything was healed and it never came so far that {what}: {}, {} of {} sent, \
             {inside:?}",
            self.broker.inside(),
            self.sent.len(),
            self.terms.messages
        ))
    }

    /// Stop, and begin once more: the end must have been in order.
    fn stop_in_order(&mut self) -> Checked {
        if let Some(process) = &mut self.process {
            process.stop(&mut self.broker);
        }
        self.settle("the daemon stops", Self::has_stopped)?;
        self.die(false)?;
        self.start()?;
        let Some(process) = &self.process else {
            return finding("the last start was refused");
        };
        if !process.after_clean_stop {
            return finding("a stop in order was not in order");
        }
        self.witness.compare_books()
    }

    /// The hash of everything that happened and of everything that is left.
    fn hash(&mut self) -> [u8; 32] {
        for disk in [Some(self.disk.clone()), self.disk.archive()]
            .into_iter()
            .flatten()
        {
            for name in disk.names() {
                self.trace.update(name.as_bytes());
                let bytes = disk.bytes(&name).unwrap_or_default();
                self.trace.update(&bytes);
            }
        }
        *self.trace.finalize().as_bytes()
    }
}
