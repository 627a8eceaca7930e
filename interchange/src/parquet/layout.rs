//! Schema and properties of the files: everything besides the rows that decides their bytes.

use std::fmt::Write as _;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};

use crate::table::{ColumnKind, METADATA, Table, all_columns};

/// Most rows in a row group; engines read row groups in parallel, and each should be enough work.
pub const ROW_GROUP_ROWS_MAX: usize = 1 << 20;

/// Most series in a row group. It bounds the dictionary of metric ids to 1 MiB, as engines expect.
pub const ROW_GROUP_SERIES_MAX: usize = 128 << 10;

/// Encoded bytes of values and timestamps that end a row group; a writer holds at most about a page more than that.
pub const ROW_GROUP_BYTES_MAX: usize = 16 << 20;

/// Rows in a page, in every column: 128 KiB of plain values, beyond which zstd trades ratio for a larger window.
/// Smaller pages read a single series with less waste; larger pages save nothing (measured from 1,440 to 131,072
/// rows).
pub const PAGE_ROWS: usize = 16 << 10;

/// Writer of the file, without a build number: the same rows must give the same bytes (DT-3).
pub const CREATED_BY: &str = "tailor version 1";

/// Metadata key with the order of the rows.
pub const SORT_KEY: &str = "tailor.sort";

/// Number of columns by which the rows are sorted, ascending; they come first in every table.
const SORTED_COLUMNS: i32 = 3;

/// Builds the schema of a table, with or without the metadata of series.
pub(crate) fn schema<T: Table>(with_metadata: bool) -> TypePtr {
    let mut message = format!("message {} {{", T::NAME);
    for (name, kind) in all_columns::<T>() {
        let field = match kind {
            ColumnKind::Id | ColumnKind::Count => format!("required int64 {name} (INTEGER(64,false));"),
            ColumnKind::Instant => format!("required int64 {name} (TIMESTAMP(MILLIS,true));"),
            ColumnKind::Value => format!("required double {name};"),
        };
        write!(message, " {field}").expect("writing to a string cannot fail");
    }
    if with_metadata {
        write!(message, " required binary {METADATA} (STRING);").expect("writing to a string cannot fail");
    }
    message.push_str(" }");
    Arc::new(parse_message_type(&message).expect("the tables are constants, and the tests parse each"))
}

/// Builds the writer properties of a table.
pub(crate) fn properties<T: Table>() -> WriterPropertiesPtr {
    let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_key_value_metadata(Some(key_values::<T>()))
        .set_sorting_columns(Some((0..SORTED_COLUMNS).map(ascending).collect()))
        .set_compression(Compression::ZSTD(level))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_write_batch_size(PAGE_ROWS)
        .set_data_page_row_count_limit(PAGE_ROWS);
    for (name, kind) in T::COLUMNS {
        let encoding = match kind {
            ColumnKind::Id => continue,
            ColumnKind::Instant | ColumnKind::Count => Encoding::DELTA_BINARY_PACKED,
            ColumnKind::Value => Encoding::PLAIN,
        };
        properties = properties.set_column_encoding(ColumnPath::from(*name), encoding);
    }
    // A page has the same text in most of its rows.
    properties = properties.set_column_dictionary_enabled(ColumnPath::from(METADATA), true);
    Arc::new(properties.build())
}

fn ascending(column: i32) -> SortingColumn {
    SortingColumn { column_idx: column, descending: false, nulls_first: false }
}

fn key_values<T: Table>() -> Vec<KeyValue> {
    let sorted: Vec<_> = all_columns::<T>().take(SORTED_COLUMNS as usize).map(|(name, _)| name).collect();
    vec![
        KeyValue::new(SORT_KEY.to_owned(), sorted.join(",")),
        KeyValue::new("tailor.table".to_owned(), T::NAME.to_owned()),
    ]
}
