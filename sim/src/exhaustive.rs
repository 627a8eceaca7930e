//! Every interleaving of a small model.
/// x
#[derive(Debug)]
pub struct Checked;
impl Checked {
    /// x
    pub fn held(&self) -> bool { true }
}
impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("x") }
}
/// x
pub fn check() -> Checked { Checked }
