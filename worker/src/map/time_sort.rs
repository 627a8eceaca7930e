//! The order by time, inside a payload and inside what overlaps.

use model::Columns;

/// Sorts columns by time; equal timestamps stay as they stood, which is source order. It keeps its memory.
#[derive(Debug, Default)]
pub(super) struct TimeSort {
    order: Vec<u32>,
    sorted: Columns,
}

impl TimeSort {
    pub(super) fn sort(&mut self, columns: &mut Columns) {
        let Columns { timestamps, values } = &*columns;
        self.order.clear();
        self.order.extend(0..timestamps.len() as u32);
        self.order.sort_by_key(|at| timestamps[*at as usize]);
        self.sorted.clear();
        self.sorted.timestamps.extend(self.order.iter().map(|at| timestamps[*at as usize]));
        self.sorted.values.extend(self.order.iter().map(|at| values[*at as usize]));
        std::mem::swap(columns, &mut self.sorted);
    }
}
