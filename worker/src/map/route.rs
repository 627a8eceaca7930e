//! Routes payloads: checks the window and the order inside a payload, fills the buffer, and counts where every point
//! went.

use format::payload::Payload;
use model::books::MapBooks;
use model::time::Placement;
use model::{Columns, OrgId, TimestampMs, Window};

use super::buffer::ShuffleBuffer;
use super::time_sort::TimeSort;
use crate::task::Belongs;

/// Router, kept from one attempt to the next.
#[derive(Debug)]
pub(crate) struct Router {
    /// Buffer of routed points for the next spill.
    pub(crate) buffer: ShuffleBuffer,
    window: Window,
    partitions: u32,
    columns: Columns,
    by_time: TimeSort,
    first_ms: TimestampMs,
    last_ms: TimestampMs,
    last_org: Option<(OrgId, bool)>,
}

impl Router {
    /// Creates a router whose buffer is full at about `buffer_bytes`.
    pub(crate) fn new(buffer_bytes: usize) -> Self {
        Self {
            buffer: ShuffleBuffer::new(buffer_bytes),
            window: Window::ALL,
            partitions: 1,
            columns: Columns::default(),
            by_time: TimeSort::default(),
            first_ms: i64::MAX,
            last_ms: i64::MIN,
            last_org: None,
        }
    }

    /// Begins an attempt. Leftovers of a failed attempt are dropped.
    pub(crate) fn begin(&mut self, window: Window, partitions: u32) {
        self.buffer.clear();
        self.window = window;
        self.partitions = partitions;
        (self.first_ms, self.last_ms) = (i64::MAX, i64::MIN);
        self.last_org = None;
    }

    /// First and last instant of all points seen, inside the window or not.
    pub(crate) fn time_range_ms(&self) -> Option<(TimestampMs, TimestampMs)> {
        (self.first_ms <= self.last_ms).then_some((self.first_ms, self.last_ms))
    }

    /// Routes the points of a payload to its partition, and counts them.
    pub(crate) fn route(&mut self, payload: &Payload<'_>, books: &mut MapBooks, belongs: &Belongs<'_>) {
        books.frames_routed += 1;
        books.points_read += payload.len() as u64;
        self.note_org(payload.key.org, books, belongs);
        if payload.is_empty() {
            books.frames_empty += 1;
            return;
        }
        let shape = self.unpack(payload);
        self.first_ms = self.first_ms.min(shape.min);
        self.last_ms = self.last_ms.max(shape.max);
        let is_inside = [shape.min, shape.max].map(|at| self.window.place(at)) == [Placement::Inside; 2];
        if !is_inside {
            self.leave_out(books);
        }
        if !shape.is_ascending {
            self.by_time.sort(&mut self.columns);
        }
        let Columns { timestamps, values } = &self.columns;
        if timestamps.is_empty() {
            return;
        }
        books.points_routed += timestamps.len() as u64;
        self.buffer.add(payload.key, self.partitions, payload.metadata, timestamps, values);
    }

    fn note_org(&mut self, org: OrgId, books: &mut MapBooks, belongs: &Belongs<'_>) {
        let is_ours = match self.last_org {
            Some((last, is_ours)) if last == org => is_ours,
            _ => belongs(org),
        };
        self.last_org = Some((org, is_ours));
        if !is_ours {
            books.misplace(org, 1);
        }
    }

    /// Copies the columns out of the payload, and examines the timestamps in the same pass.
    fn unpack(&mut self, payload: &Payload<'_>) -> Shape {
        self.columns.clear();
        self.columns.timestamps.extend(payload.timestamps());
        self.columns.values.extend(payload.values());
        let timestamps = &self.columns.timestamps;
        let is_ascending = timestamps.windows(2).fold(true, |ascending, pair| ascending & (pair[0] <= pair[1]));
        let (min, max) = if is_ascending {
            (timestamps[0], timestamps[timestamps.len() - 1])
        } else {
            timestamps.iter().fold((i64::MAX, i64::MIN), |(min, max), at| (min.min(*at), max.max(*at)))
        };
        Shape { is_ascending, min, max }
    }

    /// Drops the points outside the window, counted by reason.
    fn leave_out(&mut self, books: &mut MapBooks) {
        let Columns { timestamps, values } = &mut self.columns;
        let mut kept = 0;
        for at in 0..timestamps.len() {
            match self.window.place(timestamps[at]) {
                Placement::Early => books.points_early += 1,
                Placement::Late => books.points_late += 1,
                Placement::Inside => {
                    timestamps[kept] = timestamps[at];
                    values[kept] = values[at];
                    kept += 1;
                }
            }
        }
        timestamps.truncate(kept);
        values.truncate(kept);
    }
}

/// Order and range of a payload's timestamps.
struct Shape {
    is_ascending: bool,
    min: TimestampMs,
    max: TimestampMs,
}
