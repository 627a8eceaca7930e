//! tailor
fn main() {}
