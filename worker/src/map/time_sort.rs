//! Sorts points by time, inside a payload and among overlapping chunks.

use model::Columns;

/// Stable sort of columns by time: points of equal timestamps stay in source order. Working memory is kept.
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
