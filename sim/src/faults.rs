//! What may go wrong: rates that hold all along, and disruptions that come at their times.

use std::time::Duration;

/// How bad a way is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Link {
    /// A request never arrives.
    pub(crate) lose_request: f64,
    /// It is done, and nobody hears of it.
    pub(crate) lose_answer: f64,
    /// Of what is lost, how much is told at once (a broken connection); the rest is silence.
    pub(crate) told: f64,
    /// A request arrives twice.
    pub(crate) repeat: f64,
    /// Longest usual delay, either way.
    pub(crate) delay_max: Duration,
    /// How many take much longer,
    pub(crate) slow: f64,
    /// and how long at most.
    pub(crate) slow_max: Duration,
}

/// What becomes of one request.
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

/// How bad everything is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    /// To etcd.
    pub(crate) state: Link,
    /// Between processes.
    pub(crate) network: Link,
    /// To the object store.
    pub(crate) objects: Link,
    /// How many bodies of objects with checksums arrive damaged.
    pub(crate) torn: f64,
}

impl Rates {
    /// Everything as it should be.
    pub(crate) fn calm() -> Self {
        let link = Link { delay_max: Duration::from_millis(5), ..Link::default() };
        Self { state: link, network: link, objects: link, torn: 0.0 }
    }

    /// Draws them.
    pub(crate) fn draw(random: &mut fastrand::Rng) -> Self {
        let (state, network, objects) = (Link::draw(random), Link::draw(random), Link::draw(random));
        let torn = [0.0, 0.0, 0.01, 0.05][random.usize(..4)];
        // Every third run has nothing but its disruptions.
        if random.u8(..3) == 0 { Self::calm() } else { Self { state, network, objects, torn } }
    }
}

/// Something that goes wrong at a time.
#[derive(Debug, Clone)]
pub(crate) enum Disruption {
    /// A process dies, and comes back after a while.
    Crash { process: usize, down: Duration },
    /// A process is stopped, and goes on after a while.
    Stop { process: usize, length: Duration },
    /// A process is asked to leave by its machine, and killed a while later.
    Terminate { process: usize, kill_after: Duration },
    /// Two parties cannot reach each other; the answers of the first, at least, do not arrive.
    Cut { one: Party, other: Party, length: Duration },
    /// The object store asks for time.
    Storm { share: f64, length: Duration },
    /// etcd is away.
    StateAway { length: Duration },
    /// etcd has no space.
    StateFull { length: Duration },
    /// etcd has another leader: every lease begins anew.
    StateLeader,
    /// etcd ends a lease early.
    LeaseEnds { draw: usize },
    /// Watches fall behind, and a worker's lease ends; then their history is compacted.
    Compact { process: Option<usize>, length: Duration },
    /// Watches fall behind.
    Stall { process: Option<usize>, length: Duration },
    /// A machine's wall clock steps.
    ClockStep { process: usize, by_ms: i64 },
    /// Several processes crash, or stop, at one instant.
    Together { processes: Vec<usize>, is_stop: bool, length: Duration },
    /// etcd is backed up.
    StateSaved,
    /// etcd comes back as it was backed up; empty, if it never was.
    StateRestored,
    /// etcd comes back empty.
    StateLost,
    /// Somebody else, or a newer version, writes into the namespace.
    StateStranger { draw: usize },
    /// Every coordinator crashes, and an object of a job that is open is lost meanwhile.
    ObjectLost { draw: usize },
    /// A segment lands.
    Lands { key: String, bytes: Vec<u8> },
}

/// Who can be cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    Process(usize),
    State,
    Objects,
}

impl Disruption {
    /// Draws one, of `coordinators` processes and `workers` that follow them.
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
