//! Description of a store that does not answer: the server, bucket and region that an operator must check.

/// Describes the store of a URI for a message. Values that the environment lacks may come from a profile.
pub fn store_of(uri: &str) -> String {
    named(uri, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn named(uri: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let Some(rest) = uri.strip_prefix("s3://") else { return "the file system".to_owned() };
    let bucket = rest.split('/').next().unwrap_or_default();
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name));
    match (first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]), first(&["AWS_REGION", "AWS_DEFAULT_REGION"])) {
        (Some(endpoint), _) => format!("bucket {bucket} of the S3 server at {endpoint}"),
        (None, Some(region)) => format!("S3 bucket {bucket} in region {region}"),
        (None, None) => format!("S3 bucket {bucket}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_bucket_and_server_or_region() {
        let of = |uri: &str, set: &[(&str, &str)]| {
            named(uri, |name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:8333");
        let region = ("AWS_REGION", "eu-west-1");
        assert_eq!(
            of("s3://lake/metrics", &[endpoint, region]),
            "bucket lake of the S3 server at http://127.0.0.1:8333"
        );
        assert_eq!(of("s3://lake", &[region]), "S3 bucket lake in region eu-west-1");
        assert_eq!(of("s3://lake/x", &[]), "S3 bucket lake");
        assert_eq!(of("/data", &[region]), "the file system");
    }
}
