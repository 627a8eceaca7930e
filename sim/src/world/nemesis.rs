//! Begin and end of faults.

use std::time::Duration;

use model::LeaseId;

use super::World;
use crate::faults::{Disruption, Party, Rates};

/// Pause until a worker that left is started again.
const RETURN_AFTER: Duration = Duration::from_secs(5);

impl World {
    /// Starts a disruption.
    pub(crate) fn disrupt(&mut self, disruption: &Disruption) {
        self.trace.at(self.now);
        self.trace.note(format_args!("disruption: {disruption:?}"));
        let now = self.now;
        match disruption.clone() {
            Disruption::Crash { process, down } => self.crash(process, now + down),
            Disruption::Stop { process, length } => {
                self.processes[process].stop(now);
                self.processes[process].back_at = Some(now + length);
            }
            Disruption::Terminate { process, kill_after } => {
                self.processes[process].ask_to_leave("spot notice");
                self.processes[process].kill_at = Some(now + kill_after);
            }
            Disruption::Cut { one, other, length } => self.cuts.push((one, other, now + length)),
            Disruption::Storm { share, length } => self.storm = (share, now + length),
            Disruption::StateAway { length } => self.state_away_until = now + length,
            Disruption::StateFull { length } => self.state.full_until = now + length,
            Disruption::StateLeader => self.state.change_leader(),
            Disruption::LeaseEnds { draw } => {
                let lease = self.state.end_lease(draw);
                self.note_end(lease);
            }
            Disruption::Compact { process, length } => {
                self.state.stall(process, now + length);
                self.compact_at = Some(now + length / 2);
                // The loss shows only in the history, so a watch that skips it never learns of it.
                let lease = self.state.end_worker(length.as_millis() as usize);
                self.note_end(lease);
            }
            Disruption::Stall { process, length } => self.state.stall(process, now + length),
            Disruption::ClockStep { process, by_ms } => self.processes[process].clock.step(by_ms),
            Disruption::Together { processes, is_stop, length } => {
                for process in processes {
                    let one = match is_stop {
                        true => Disruption::Stop { process, length },
                        false => Disruption::Crash { process, down: length },
                    };
                    self.disrupt(&one);
                }
            }
            Disruption::StateSaved => self.state.save(),
            Disruption::StateRestored => self.restore_state(false),
            Disruption::StateLost => self.restore_state(true),
            Disruption::StateStranger { draw } => self.write_strangely(draw),
            Disruption::ObjectLost { draw } => self.lose_object(draw),
            Disruption::Lands { key, bytes } => self.land(key, bytes),
        }
    }

    fn note_end(&mut self, lease: Option<LeaseId>) {
        if let Some(lease) = lease {
            self.trace.note(format_args!("{lease} ends early"));
        }
    }

    pub(super) fn crash(&mut self, process: usize, back_at: Duration) {
        if self.processes[process].is_up() {
            self.trace.note(format_args!("{:?} crashes", self.processes[process]));
            self.processes[process].crash();
            // In half of the crashes the host stays up: calls to the process then break at once.
            let is_host_up = self.random.bool();
            if is_host_up {
                self.calls.retain(|_, call| call.to != process);
            }
        }
        self.processes[process].back_at = Some(back_at);
    }

    /// Restarts a process that has left by itself, as its replacement.
    pub(super) fn has_left(&mut self, process: usize, how: &str) {
        self.trace.note(format_args!("{:?} has left: {how}", self.processes[process]));
        let back_at = self.now + RETURN_AFTER;
        self.crash(process, back_at);
    }

    /// Ends the faults whose time is over.
    pub(crate) fn recover(&mut self) {
        let now = self.now;
        self.cuts.retain(|(_, _, until)| *until > now);
        if self.compact_at.is_some_and(|at| at <= now) {
            self.compact_at = None;
            self.state.compact();
            self.trace.note("etcd forgets its history");
        }
        for process in 0..self.processes.len() {
            if self.processes[process].kill_at.is_some_and(|at| at <= now) {
                self.processes[process].kill_at = None;
                self.crash(process, now + RETURN_AFTER);
            }
            if self.processes[process].back_at.is_none_or(|at| at > now) {
                continue;
            }
            if self.processes[process].is_stopped() {
                self.trace.note(format_args!("{:?} goes on", self.processes[process]));
                self.processes[process].resume(now);
            } else if !self.processes[process].is_up() {
                self.start_process(process);
            }
            self.processes[process].back_at = None;
        }
    }

    /// Ends every fault: processes that are down or stopped come back.
    pub(crate) fn heal(&mut self) {
        self.trace.note("the faults end");
        self.mend_ways();
        for process in &mut self.processes {
            process.kill_at = None;
            if !process.runs() {
                process.back_at = Some(self.now);
            }
        }
    }

    /// Spares a core of one coordinator and one worker, and leaves all other parts as broken as they are drawn to be.
    pub(crate) fn freeze(&mut self) {
        self.mend_ways();
        let workers = self.processes.len() - self.coordinators - 1;
        let core = [self.random.usize(..self.coordinators), self.coordinators];
        let operator = self.processes.len() - 1;
        self.trace.note(format_args!(
            "the faults come to rest; {:?} and {:?} are spared",
            self.processes[core[0]], self.processes[core[1]]
        ));
        for process in 0..self.coordinators + workers {
            self.processes[process].kill_at = None;
            if core.contains(&process) || self.random.bool() {
                if !self.processes[process].runs() {
                    self.processes[process].back_at = Some(self.now);
                    self.recover();
                }
                continue;
            }
            match self.random.u8(..3) {
                0 => self.crash(process, Duration::MAX),
                1 => {
                    self.processes[process].stop(self.now);
                    self.processes[process].back_at = None;
                }
                _ => self.cuts.push((Party::Process(process), Party::State, Duration::MAX)),
            }
        }
        debug_assert!(self.processes[operator].runs(), "nobody disrupts the operator");
    }

    fn mend_ways(&mut self) {
        self.rates = Rates::calm();
        self.cuts.clear();
        self.storm = (0.0, Duration::ZERO);
        self.state_away_until = Duration::ZERO;
        self.state.full_until = Duration::ZERO;
        self.state.stall(None, Duration::ZERO);
    }

    pub(super) fn is_cut(&self, one: Party, other: Party) -> bool {
        self.cuts.iter().any(|(a, b, _)| (*a, *b) == (one, other) || (*b, *a) == (one, other))
    }
}
