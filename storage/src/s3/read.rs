//! Heads and bodies of objects, under conditions.

use std::ops::Range;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use chrono::Utc;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta};

use super::attributes::Headers;
use super::body::Body;
use super::{Failure, Kind, S3Store};

/// Converts the fields that both answers have.
macro_rules! headers {
    ($answer:ident) => {
        Headers {
            cache_control: $answer.cache_control,
            content_disposition: $answer.content_disposition,
            content_encoding: $answer.content_encoding,
            content_language: $answer.content_language,
            content_type: $answer.content_type,
            storage_class: $answer.storage_class.map(|class| class.as_str().to_owned()),
            metadata: $answer.metadata.unwrap_or_default(),
        }
    };
}

impl S3Store {
    pub(super) async fn head_object(&self, location: &Path, options: GetOptions) -> Result<GetResult, Failure> {
        let answer = self.head_answer(location, &options).await?;
        let size = answer.content_length.unwrap_or(0).max(0) as u64;
        let meta = meta(location, size, answer.last_modified, answer.e_tag.clone(), answer.version_id.clone());
        let attributes = headers!(answer).into_attributes();
        let payload = GetResultPayload::Stream(Box::pin(futures::stream::empty()));
        Ok(GetResult { payload, meta, range: 0..0, attributes, extensions: options.extensions })
    }

    /// Requests the head of an object, with its metadata.
    pub(super) async fn head_answer(&self, location: &Path, options: &GetOptions) -> Result<HeadObjectOutput, Failure> {
        let connection = self.connection().await?;
        let attempts = self.attempts("HeadObject", connection, location);
        let request = || {
            let request = connection.client.head_object().bucket(self.bucket()).key(self.key(location));
            request
                .set_if_match(options.if_match.clone())
                .set_if_none_match(options.if_none_match.clone())
                .set_if_modified_since(options.if_modified_since.map(sdk_time))
                .set_if_unmodified_since(options.if_unmodified_since.map(sdk_time))
                .set_version_id(options.version.clone())
                .send()
        };
        attempts.until_done(request).await
    }

    pub(super) async fn get_object(&self, location: &Path, options: GetOptions) -> Result<GetResult, Failure> {
        let answer = self.get_answer(location, &options).await?;
        let length = answer.content_length.unwrap_or(0).max(0) as u64;
        let (range, size) = match answer.content_range.as_deref().map(parse_content_range) {
            Some(Some(found)) => found,
            None if options.range.is_none() => (0..length, length),
            unusable => {
                let message = format!("asked for {:?}, the answer's content-range is {unusable:?}", options.range);
                return Err(Failure::permanent("GetObject", Kind::Failed, message));
            }
        };
        let meta = meta(location, size, answer.last_modified, answer.e_tag.clone(), answer.version_id.clone());
        let body = Body::new(self.clone(), meta.clone(), range.clone(), options.version, answer.body);
        let attributes = headers!(answer).into_attributes();
        let payload = GetResultPayload::Stream(body.into_stream());
        Ok(GetResult { payload, meta, range, attributes, extensions: options.extensions })
    }

    /// Requests an object; the body of the answer is still to be read.
    pub(super) async fn get_answer(&self, location: &Path, options: &GetOptions) -> Result<GetObjectOutput, Failure> {
        let range = options.range.as_ref().map(range_header).transpose()?;
        let connection = self.connection().await?;
        let attempts = self.attempts("GetObject", connection, location);
        let request = || {
            let request = connection.client.get_object().bucket(self.bucket()).key(self.key(location));
            request
                .set_range(range.clone())
                .set_if_match(options.if_match.clone())
                .set_if_none_match(options.if_none_match.clone())
                .set_if_modified_since(options.if_modified_since.map(sdk_time))
                .set_if_unmodified_since(options.if_unmodified_since.map(sdk_time))
                .set_version_id(options.version.clone())
                .send()
        };
        attempts.until_done(request).await
    }
}

fn meta(
    location: &Path,
    size: u64,
    modified: Option<DateTime>,
    e_tag: Option<String>,
    version: Option<String>,
) -> ObjectMeta {
    let last_modified = modified.map(chrono_time).unwrap_or_default();
    ObjectMeta { location: location.clone(), last_modified, size, e_tag, version }
}

pub(super) fn chrono_time(time: DateTime) -> chrono::DateTime<Utc> {
    chrono::DateTime::from_timestamp(time.secs(), time.subsec_nanos()).unwrap_or_default()
}

fn sdk_time(time: chrono::DateTime<Utc>) -> DateTime {
    DateTime::from_secs(time.timestamp())
}

fn range_header(range: &GetRange) -> Result<String, Failure> {
    range.is_valid().map_err(|error| Failure::permanent("GetObject", Kind::Failed, error))?;
    Ok(match range {
        GetRange::Bounded(range) => format!("bytes={}-{}", range.start, range.end - 1),
        GetRange::Offset(start) => format!("bytes={start}-"),
        GetRange::Suffix(len) => format!("bytes=-{len}"),
    })
}

/// Parses `bytes 2-4/14`: the range, and the object's size.
fn parse_content_range(header: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size) = (first.parse().ok()?, last.parse::<u64>().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_or_refused() {
        assert_eq!(parse_content_range("bytes 2-4/14"), Some((2..5, 14)));
        for bad in
            ["bytes 4-2/14", "bytes 2-14/14", "bytes */14", "2-4/14", "bytes 2-4/*", "bytes 0-18446744073709551615/1"]
        {
            assert_eq!(parse_content_range(bad), None, "{bad}");
        }
    }
}
