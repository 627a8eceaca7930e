use std::collections::VecDeque;

use model::Columns;

use super::*;
use crate::rows::Rows;

/// Chunks held in memory.
struct Memory(VecDeque<Chunk>);

impl ChunkSource for Memory {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>> {
        let chunk = self.0.pop_front();
        async { Ok(chunk) }.boxed()
    }
}

/// Part of `metric:timestamp,timestamp` chunks; the value of each point is the part's number.
fn part(number: usize, chunks: &str) -> Input {
    let chunk = |text: &str| {
        let (metric, timestamps) = text.split_once(':').expect("metric:timestamps");
        let timestamps: Vec<i64> = timestamps.split(',').map(|at| at.parse().expect("a number")).collect();
        let values = vec![number as f64; timestamps.len()];
        let key = SeriesKey::new(1, metric.parse().expect("a number"));
        Chunk { key, metadata: None, rows: Rows::Points(Columns { timestamps, values }) }
    };
    let source = Box::new(Memory(chunks.split_whitespace().map(chunk).collect()));
    Input { bound: SeriesKey::new(0, 0), object: format!("part {number}"), source }
}

async fn merged(parts: &[&str]) -> Result<String, DatasetError> {
    let mut merge = Merge::new(parts.iter().enumerate().map(|(number, chunks)| part(number, chunks)).collect());
    let mut text = Vec::new();
    while let Some(chunk) = merge.next().await? {
        let Rows::Points(points) = &chunk.rows else { panic!("points went in") };
        let rows = points.timestamps.iter().zip(&points.values).map(|(at, value)| format!("{at}/{value}"));
        text.push(format!("{}:{}", chunk.key.metric, rows.collect::<Vec<_>>().join(",")));
    }
    Ok(text.join(" "))
}

#[tokio::test]
async fn parts_of_one_shard_interleave_by_key() {
    let text = merged(&["1:5,6 1:7 4:1", "2:1 3:1", ""]).await.expect("sorted parts");
    assert_eq!(text, "1:5/0,6/0 1:7/0 2:1/1 3:1/1 4:1/0");
}

#[tokio::test]
async fn one_series_of_several_windows_comes_in_time_order_whole_chunks_at_a_time() {
    let text = merged(&["1:10,11 1:12 2:9", "1:0,1 1:2"]).await.expect("sorted parts");
    assert_eq!(text, "1:0/1,1/1 1:2/1 1:10/0,11/0 1:12/0 2:9/0");
}

#[tokio::test]
async fn equal_instants_come_in_the_order_of_the_inputs() {
    let text = merged(&["1:1,2,2,3", "1:2,2,4"]).await.expect("sorted parts");
    assert_eq!(text, "1:1/0,2/0,2/0 1:2/1,2/1 1:3/0 1:4/1");
}

#[tokio::test]
async fn a_part_out_of_order_is_named() {
    let error = merged(&["1:1", "3:1 2:1"]).await.expect_err("3 before 2");
    assert!(error.to_string().contains("part 1 has org 1 metric 2 after"), "{error}");
}
