//! Prices of slots, requests and storage.

use model::{Effort, Requests};
use serde::Serialize;

/// Prices, in any currency. The defaults are those of S3 and of a core of a spot machine in us-east-1, in dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PagePrices {
    /// Price of a slot for an hour.
    pub slot_hour: f64,
    /// Price of a thousand PUT, POST, COPY and LIST requests.
    pub put_thousand: f64,
    /// Price of a thousand GET and HEAD requests.
    pub get_thousand: f64,
    /// Price of a gigabyte (10^9 bytes) that is stored for a month.
    pub stored_gb_month: f64,
}

impl Default for PagePrices {
    fn default() -> Self {
        Self { slot_hour: 0.015, put_thousand: 0.005, get_thousand: 0.0004, stored_gb_month: 0.023 }
    }
}

impl PagePrices {
    /// Price of the slots of an effort.
    pub(crate) fn slots(&self, effort: &Effort) -> f64 {
        effort.wall.as_secs_f64() / 3600.0 * self.slot_hour
    }

    /// Price of requests, of which removals are free.
    pub(crate) fn requests(&self, requests: &Requests) -> f64 {
        (requests.reads() as f64 * self.get_thousand + requests.writes() as f64 * self.put_thousand) / 1000.0
    }

    /// Price of bytes that are stored for a month.
    pub(crate) fn stored(&self, bytes: u64) -> f64 {
        bytes as f64 / 1e9 * self.stored_gb_month
    }
}

/// Formats a price: small ones keep four digits that count.
pub fn money(price: f64) -> String {
    match price.abs() {
        0.0 => "0".to_owned(),
        1.0.. => format!("{price:.2}"),
        0.0001.. => format!("{price:.4}"),
        _ => format!("{price:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn requests_cost_by_their_kind_and_removals_nothing() {
        let requests = Requests { get: 9000, head: 1000, put: 500, list: 500, delete: 70_000, ..Requests::default() };
        let effort = Effort { wall: Duration::from_secs(7200), requests, throttled: Duration::ZERO };
        let prices = PagePrices::default();
        assert_eq!(money(prices.slots(&effort)), "0.0300");
        assert_eq!(money(prices.requests(&effort.requests)), "0.0090");
        assert_eq!([0.0, 0.000_012, 0.5, 265.123].map(money), ["0", "1.20e-5", "0.5000", "265.12"]);
    }
}
