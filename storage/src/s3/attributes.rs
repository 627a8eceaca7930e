//! Attributes of an object, to and from S3's headers.

use std::borrow::Cow;
use std::collections::HashMap;

use object_store::{Attribute, AttributeValue, Attributes};

use super::{Failure, Kind};

/// Metadata key (`x-amz-meta-put-id`) by which a writer recognises its own object. It is never shown as an attribute.
pub(super) const PUT_ID: &str = "put-id";

/// Headers of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) storage_class: Option<String>,
    pub(super) metadata: HashMap<String, String>,
}

impl Headers {
    /// Headers of an object to be written, marked with a put id.
    pub(super) fn of(attributes: &Attributes, put_id: Option<&str>) -> Result<Self, Failure> {
        let mut headers = Self::default();
        for (attribute, value) in attributes {
            let value = value.to_string();
            match attribute {
                Attribute::CacheControl => headers.cache_control = Some(value),
                Attribute::ContentDisposition => headers.content_disposition = Some(value),
                Attribute::ContentEncoding => headers.content_encoding = Some(value),
                Attribute::ContentLanguage => headers.content_language = Some(value),
                Attribute::ContentType => headers.content_type = Some(value),
                Attribute::StorageClass => headers.storage_class = Some(value),
                Attribute::Metadata(key) => {
                    headers.metadata.insert(key.to_string(), value);
                }
                other => {
                    let message = format!("S3 has no place for the attribute {other:?}");
                    return Err(Failure::permanent("PutObject", Kind::Unsupported, message));
                }
            }
        }
        headers.metadata.extend(put_id.map(|id| (PUT_ID.to_owned(), id.to_owned())));
        Ok(headers)
    }

    /// Attributes of an object that was read.
    pub(super) fn into_attributes(self) -> Attributes {
        let named = [
            (Attribute::CacheControl, self.cache_control),
            (Attribute::ContentDisposition, self.content_disposition),
            (Attribute::ContentEncoding, self.content_encoding),
            (Attribute::ContentLanguage, self.content_language),
            (Attribute::ContentType, self.content_type),
            (Attribute::StorageClass, self.storage_class),
        ];
        let named = named.into_iter().filter_map(|(attribute, value)| Some((attribute, value?)));
        let metadata = self.metadata.into_iter().filter(|(key, _)| key != PUT_ID);
        let metadata = metadata.map(|(key, value)| (Attribute::Metadata(Cow::Owned(key)), value));
        named.chain(metadata).map(|(attribute, value)| (attribute, AttributeValue::from(value))).collect()
    }
}
