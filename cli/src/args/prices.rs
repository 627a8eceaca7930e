//! Prices for the cost of a job.

use dashboard::PagePrices;

/// Prices, in any currency; the defaults are those of S3 and of a core of a spot machine in us-east-1, in dollars.
#[derive(Debug, Clone, Copy, clap::Args, serde::Serialize)]
pub(crate) struct Prices {
    /// Price of a slot for an hour.
    ///
    /// For example `--slot-price 0.04` for a core that is not a spot machine's.
    #[arg(long, value_name = "PRICE", default_value_t = 0.015, value_parser = price)]
    pub(crate) slot_price: f64,
    /// Price of a thousand PUT, POST, COPY and LIST requests.
    ///
    /// For example `--put-price 0.0055`.
    #[arg(long, value_name = "PRICE", default_value_t = 0.005, value_parser = price)]
    pub(crate) put_price: f64,
    /// Price of a thousand GET and HEAD requests.
    ///
    /// For example `--get-price 0.00044`.
    #[arg(long, value_name = "PRICE", default_value_t = 0.0004, value_parser = price)]
    pub(crate) get_price: f64,
    /// Price of a gigabyte (10^9 bytes) that is stored for a month.
    ///
    /// For example `--storage-price 0.0125`.
    #[arg(long, value_name = "PRICE", default_value_t = 0.023, value_parser = price)]
    pub(crate) storage_price: f64,
}

impl From<Prices> for PagePrices {
    fn from(prices: Prices) -> Self {
        Self {
            slot_hour: prices.slot_price,
            put_thousand: prices.put_price,
            get_thousand: prices.get_price,
            stored_gb_month: prices.storage_price,
        }
    }
}

fn price(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(price) if price.is_finite() && price >= 0.0 => Ok(price),
        _ => Err(format!("'{text}' is not a price; give a number that is not negative, such as 0.005")),
    }
}
