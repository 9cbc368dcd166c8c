//! What can go wrong, by name: drawn by the seed, counted for the summary.

use std::collections::BTreeMap;

use crate::simulator::Chance;

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident $text:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[$doc])* $variant,)* }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// In words.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

faults! {
    /// The process ends at once; the machine goes on.
    Kill "process killed";
    /// The process is killed during a call of the disk.
    KillInCall "process killed during a call";
    /// A job ends the process each time it comes.
    Poison "job felled the process";
    /// The machine loses power between two calls.
    PowerCut "power cut";
    /// The machine loses power during a call of the disk.
    PowerCutInCall "power cut during a call";
    /// The process is asked to stop and does so in order.
    Stop "stopped in order";
    /// A call of the disk fails; a sync that fails drops what waited, or parts of it.
    DiskError "disk call failed";
    /// A write writes some of its bytes and fails.
    ShortWrite "short write";
    /// One write finds the disk full.
    NoSpace "write found no space";
    /// The disk is full for a while.
    DiskFull "disk full for a while";
    /// A sync says that it is done and is not.
    Lie "sync that lied";
    /// A bit changes while nobody looks.
    Rot "bit flipped";
    /// A name of a file disappears.
    LostName "directory entry lost";
    /// The machine is gone, and a backup is restored.
    Restore "backup restored";
    /// Everything on the disk takes long.
    SlowDisk "slow disk";
    /// The consuming connection breaks.
    CutConsumer "consumer cut off";
    /// The broker ends the subscription after it has read what was written to it.
    Cancel "consumer cancelled";
    /// The publishing connection breaks.
    CutPublisher "publisher cut off";
    /// The broker stops reading from publishers for a while.
    Block "publisher blocked";
    /// The broker refuses a message.
    Refuse "message refused";
    /// Nobody is bound for a message.
    Unroutable "message returned";
    /// What came back is served in another order.
    Reorder "redeliveries reordered";
    /// A producer sends a message twice.
    Duplicate "message sent twice";
    /// The time of day jumps.
    ClockJump "clock jumped";
    /// Months or years pass, and then the first messages come again.
    LongTime "a long time passed";
    /// No time passes, or a lot of it.
    ClockStall "clock stalled";
}

/// How often each fault happened.
pub type Tally = BTreeMap<Fault, u64>;

/// The faults of a seed and how often they are tried: a weight beside those of what is no fault.
#[derive(Clone, Debug, Default)]
pub struct Swarm(BTreeMap<Fault, u64>);

impl Swarm {
    /// Every fault is on or off, and often or rare, by chance: many faults at once hide each other.
    pub fn draw(chance: &mut Chance) -> Self {
        if chance.once_in(20) {
            return Self::default();
        }
        let mut swarm = BTreeMap::new();
        for fault in Fault::ALL {
            // A disk that lies may lose what was acknowledged: such runs prove little else.
            let one_in = if *fault == Fault::Lie { 16 } else { 2 };
            if chance.once_in(one_in) {
                let weight = chance.pick(&[1, 2, 4, 12]).copied().unwrap_or(1);
                swarm.insert(*fault, weight);
            }
        }
        Self(swarm)
    }

    /// The weight of a fault; 0 if it is off.
    pub fn weight(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or_default()
    }

    /// Whether nothing goes wrong.
    pub fn is_calm(&self) -> bool {
        self.0.is_empty()
    }
}
