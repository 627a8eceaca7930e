//! Faults of a run: rates that hold all the time, and disruptions at given times.

use std::time::Duration;

/// Fault rates of one connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Link {
    /// Share of requests that never arrive.
    pub(crate) lose_request: f64,
    /// Share of requests that are done but whose answer is lost.
    pub(crate) lose_answer: f64,
    /// Of lost messages, the share that is reported at once (a broken connection); the others are silence.
    pub(crate) told: f64,
    /// Share of requests that arrive twice.
    pub(crate) repeat: f64,
    /// Longest usual delay in either direction.
    pub(crate) delay_max: Duration,
    /// Share of messages that take much longer.
    pub(crate) slow: f64,
    /// Longest delay of a slow message.
    pub(crate) slow_max: Duration,
}

/// Fate of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fate {
    pub(crate) arrives: bool,
    pub(crate) answered: bool,
    pub(crate) told: bool,
    pub(crate) repeated: bool,
    pub(crate) there: Duration,
    pub(crate) back: Duration,
}

impl Link {
    /// Draws the fate of a request.
    pub(crate) fn fate(&self, random: &mut fastrand::Rng) -> Fate {
        let draw = random.f64();
        let arrives = draw >= self.lose_request;
        let answered = arrives && draw >= self.lose_request + self.lose_answer;
        let told = random.f64() < self.told;
        let repeated = random.f64() < self.repeat;
        let (there, back) = (self.delay(random), self.delay(random));
        Fate { arrives, answered, told, repeated, there, back }
    }

    fn delay(&self, random: &mut fastrand::Rng) -> Duration {
        let most = if random.f64() < self.slow { self.slow_max } else { self.delay_max };
        most.mul_f64(random.f64())
    }

    fn draw(random: &mut fastrand::Rng) -> Self {
        let rates = [0.0, 0.0, 0.01, 0.05, 0.15];
        let mut rate = || rates[random.usize(..rates.len())];
        let (lose_request, lose_answer, repeat, slow) = (rate(), rate(), rate(), rate() / 2.0);
        Self {
            lose_request,
            lose_answer,
            told: random.f64(),
            repeat,
            delay_max: Duration::from_millis(random.u64(1..60)),
            slow,
            slow_max: Duration::from_millis(random.u64(1..12_000)),
        }
    }
}

/// Fault rates of all connections.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    /// Connections to etcd.
    pub(crate) state: Link,
    /// Connections between processes.
    pub(crate) network: Link,
    /// Connections to the object store.
    pub(crate) objects: Link,
    /// Share of bodies, of objects with checksums, that arrive damaged.
    pub(crate) torn: f64,
}

impl Rates {
    /// Rates without any fault.
    pub(crate) fn calm() -> Self {
        let link = Link { delay_max: Duration::from_millis(5), ..Link::default() };
        Self { state: link, network: link, objects: link, torn: 0.0 }
    }

    /// Draws the rates of a run.
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        let (state, network, objects) = (Link::draw(random), Link::draw(random), Link::draw(random));
        let torn = [0.0, 0.0, 0.01, 0.05][random.usize(..4)];
        // Every third run has only its disruptions.
        if random.u8(..3) == 0 { Self::calm() } else { Self { state, network, objects, torn } }
    }
}

/// Fault that begins at a given time.
#[derive(Debug, Clone)]
pub(crate) enum Disruption {
    /// A process dies, and comes back after a while.
    Crash { process: usize, down: Duration },
    /// A process is stopped, and continues after a while.
    Stop { process: usize, length: Duration },
    /// A machine asks a process to leave, and kills it a while later.
    Terminate { process: usize, kill_after: Duration },
    /// Two parties cannot reach each other. At least the answers of the first do not arrive.
    Cut { one: Party, other: Party, length: Duration },
    /// The object store asks for time.
    Storm { share: f64, length: Duration },
    /// etcd cannot be reached.
    StateAway { length: Duration },
    /// etcd has no space left.
    StateFull { length: Duration },
    /// etcd has another leader, so every lease begins anew.
    StateLeader,
    /// etcd ends a lease early.
    LeaseEnds { draw: usize },
    /// Watches fall behind, and a worker's lease ends; then the history is compacted.
    Compact { process: Option<usize>, length: Duration },
    /// Watches fall behind, for one process or for all.
    Stall { process: Option<usize>, length: Duration },
    /// A machine's wall clock steps.
    ClockStep { process: usize, by_ms: i64 },
    /// Several processes crash, or stop, at one instant.
    Together { processes: Vec<usize>, is_stop: bool, length: Duration },
    /// A backup of etcd is taken.
    StateSaved,
    /// etcd is restored from the backup, or comes back empty if there is none.
    StateRestored,
    /// etcd comes back empty.
    StateLost,
    /// A stranger, or a newer version, writes into the namespace.
    StateStranger { draw: usize },
    /// Every coordinator crashes, and an object of an open job is lost meanwhile.
    ObjectLost { draw: usize },
    /// A segment is written to the input.
    Lands { key: String, bytes: Vec<u8> },
}

/// Party that can be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    Process(usize),
    State,
    Objects,
}

impl Disruption {
    /// Draws a disruption of `coordinators` processes and of the `workers` that follow them.
    pub(crate) fn draw(random: &mut fastrand::Rng, coordinators: usize, workers: usize) -> Self {
        let process = random.usize(..coordinators + workers);
        let longest = [3_000, 10_000, 40_000][random.usize(..3)];
        let length = Duration::from_millis(random.u64(500..longest));
        let whom = if random.bool() { None } else { Some(random.usize(..coordinators)) };
        match random.u8(..22) {
            0..=4 => Self::Crash { process, down: length },
            5..=8 => Self::Stop { process, length },
            9..=10 => Self::Terminate { process, kill_after: length },
            11..=12 => {
                let other = match random.u8(..3) {
                    0 => Party::State,
                    1 => Party::Objects,
                    _ => Party::Process(random.usize(..coordinators)),
                };
                Self::Cut { one: Party::Process(process), other, length }
            }
            13 => Self::Storm { share: random.f64(), length },
            14 => Self::StateAway { length },
            15 => Self::StateFull { length: length / 2 },
            16 => Self::StateLeader,
            17..=18 => Self::LeaseEnds { draw: random.usize(..) },
            19 => Self::Compact { process: whom, length },
            20 => Self::Stall { process: whom, length },
            _ => Self::ClockStep { process, by_ms: random.i64(-3_600_000..3_600_000) },
        }
    }
}
