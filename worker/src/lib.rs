//! Computes: map and reduce tasks, within a memory budget.
