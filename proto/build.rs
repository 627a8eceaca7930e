//! Builds the `.proto` files with protox, so that no system `protoc` is needed.

use std::path::PathBuf;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ours =
        ["tailor/v1/payload.proto", "tailor/v1/common.proto", "tailor/v1/worker.proto", "tailor/v1/operator.proto"];
    // KEDA's, whose numbers are not ours to change.
    let files = ours.into_iter().chain(["externalscaler/externalscaler.proto"]);
    println!("cargo:rerun-if-changed=tailor");
    println!("cargo:rerun-if-changed=externalscaler");
    println!("cargo:rerun-if-changed=golden");
    let descriptors = protox::compile(files, ["."])?;
    // Descriptors for gRPC reflection, so that `grpcurl` and similar tools work without the files.
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    // The wire of the previous release, which a test compares with today's. Compiled here, where protox is at hand.
    std::fs::write(out.join("previous.bin"), protox::compile(ours, ["golden"])?.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
