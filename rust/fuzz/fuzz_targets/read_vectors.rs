//! Any bytes, read as any format with any options: a table whose parts fit each other, or an error.

#![no_main]

use std::fs;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use finevec_core::formats::{
    EncodingErrors, Format, ReadOptions, WordSet, inspect_vectors, parse_safetensors, read_fasttext_binary,
    read_vectors,
};
use libfuzzer_sys::fuzz_target;

static PATH: LazyLock<std::path::PathBuf> = LazyLock::new(|| {
    // In memory where the system has such a folder.
    let folder = Some("/dev/shm").filter(|folder| fs::metadata(folder).is_ok()).map(Into::into);
    folder.unwrap_or_else(std::env::temp_dir).join(format!("finevec-fuzz-{}", std::process::id()))
});

fuzz_target!(|input: &[u8]| {
    let [format, options, bytes @ ..] = input else { return };
    let (format, options) = (*format, *options);
    fs::write(&*PATH, bytes).unwrap();
    let mut go_on = |_| ControlFlow::Continue(());
    let mut vocabulary = WordSet::default();
    vocabulary.insert("the");
    let options = ReadOptions {
        format: [None, Some(Format::Glove), Some(Format::Word2vec), Some(Format::Word2vecBinary)][format as usize % 4],
        vocabulary: (options & 1 == 1).then_some(vocabulary),
        limit: (options & 2 == 2).then_some(u64::from(options >> 4)),
        encoding_errors: [EncodingErrors::Strict, EncodingErrors::Replace, EncodingErrors::Ignore]
            [(options as usize >> 2) % 3],
    };
    match format / 4 % 4 {
        0 => {
            if let Ok(table) = read_vectors::<f32>(&PATH, &options, &mut go_on) {
                assert_eq!(table.values.len(), table.words.words().len() * table.dim);
                let is_text = table.info.format != Format::Word2vecBinary;
                assert!(!is_text || table.values.iter().all(|value| value.is_finite()));
            }
        }
        1 => {
            if let Ok((table, _)) = inspect_vectors::<f64>(&PATH, &options, &mut go_on) {
                assert_eq!(table.values.len(), table.words.words().len() * table.dim);
            }
        }
        2 => {
            if let Ok(model) = read_fasttext_binary::<f32>(&PATH, &options, &mut go_on) {
                assert_eq!(model.table.values.len(), model.table.words.words().len() * model.table.dim);
            }
        }
        _ => {
            let size = bytes.len() as u64;
            for tensor in parse_safetensors(&PATH, bytes, size).into_iter().flat_map(|file| file.tensors) {
                assert!(tensor.bytes.start <= tensor.bytes.end && tensor.bytes.end <= size);
            }
        }
    }
});
