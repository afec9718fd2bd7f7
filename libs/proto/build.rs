//! Compiles `/proto` without protoc: types, clients, servers, the descriptor set for reflection, validation code
//! and the policy table.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use prost::Message;
use prost_reflect::DescriptorPool;
use tonic_prost_build::FileDescriptorSet;

fn main() {
    // A panic shows the message; an error returned from here would show its data structure.
    if let Err(error) = compile() {
        panic!("{error}");
    }
}

fn compile() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    proto_files(&root.join("siyu"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // Encoded by the compiler itself: decoding into prost-types first would drop the options.
    let descriptors = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(descriptors.as_slice())?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), &descriptors)?;
    fs::write(out.join("validation.rs"), siyu_codegen::validation::generate(&pool)?)?;
    fs::write(out.join("policy.rs"), siyu_codegen::policy::generate(&pool)?)?;
    fs::write(out.join("redaction.rs"), siyu_codegen::redaction::generate(&pool))?;

    let mut to_compile = FileDescriptorSet::decode(descriptors.as_slice())?;
    // Options are read above; nobody needs their own types in Rust.
    to_compile
        .file
        .retain(|file| file.package() != "buf.validate" && file.name() != "google/protobuf/descriptor.proto");
    let mut config = tonic_prost_build::Config::new();
    // The payload of an event says which message it is, as `google.protobuf.Any` has it.
    config.enable_type_names().type_name_domain(["."], "type.googleapis.com");
    // Maps in order: the same message has the same bytes, by which a repeated request is recognized.
    config.btree_map(["."]);
    // What has secrets gets a Debug that does not show them.
    config.skip_debug(siyu_codegen::redaction::messages(&pool));
    tonic_prost_build::configure().compile_fds_with_config(to_compile, config)?;
    Ok(())
}

fn proto_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            proto_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
