//! Headers of safetensors files, ours and hostile ones.

use std::path::Path;

use crate::formats::limits::MAX_HEADER;
use crate::formats::{FormatError, TensorFile, parse_safetensors, safetensors_head};
use proptest::prelude::*;

fn parse(bytes: &[u8], size: u64) -> Result<TensorFile, FormatError> {
    parse_safetensors(Path::new("v"), bytes, size)
}

/// A file of this header and so many zeros.
fn file(json: &str, data: usize) -> Vec<u8> {
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(json.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn refusal(bytes: &[u8]) -> String {
    parse(bytes, bytes.len() as u64).unwrap_err().to_string()
}

#[test]
fn a_head_that_we_write_is_the_one_that_the_library_of_the_format_reads() {
    for (rows, dim, dtype, item) in [(3, 2, "F32", 4), (0, 1, "F64", 8), (1000, 7, "F16", 2)] {
        let mut bytes = safetensors_head(rows, dim, dtype, 11).unwrap();
        let head = bytes.len();
        let (offsets, table) = (8 * (rows + 1), item * rows * dim);
        bytes.resize(head + offsets + table + 11, 0);
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.tensor("vectors").unwrap().shape(), [rows, dim]);
        assert_eq!(read.tensor("word_offsets").unwrap().data().len(), offsets);
        assert_eq!(read.tensor("words").unwrap().data().len(), 11);
        let ours = parse(&bytes, bytes.len() as u64).unwrap();
        assert_eq!(ours.metadata, [("format".to_owned(), "finevec".to_owned())]);
        let names: Vec<_> = ours.tensors.iter().map(|one| (one.name.as_str(), one.dtype.as_str())).collect();
        assert_eq!(names, [("word_offsets", "I64"), ("vectors", dtype), ("words", "U8")]);
        let start = (head + offsets) as u64;
        assert_eq!(ours.tensors[1].bytes, start..start + table as u64);
        assert_eq!((start % 64, head % 8), (0, 0));
    }
    for (rows, dim, dtype) in [(1, 0, "F32"), (1, 1 << 21, "F32"), (1, 1, "F8"), (usize::MAX, 1, "F32")] {
        assert!(matches!(safetensors_head(rows, dim, dtype, 0), Err(FormatError::Shape { .. })));
    }
}

#[test]
fn hostile_headers_are_told_apart() {
    let one = r#"{"a":{"dtype":"F32","shape":[1000000000000,300],"data_offsets":[0,1200000000000000]}}"#;
    let bytes = file(one, 12);
    let promised = 8 + one.len() as u64 + 1_200_000_000_000_000;
    assert_eq!(refusal(&bytes), format!("v: the header promises a file of {promised} bytes, it has {}", bytes.len()));
    let cases = [
        (
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
            "offset",
        ),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "offset"),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, "offset"),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, "shape"),
        (r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#, "verflow"),
        (r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, "-1"),
        (r#"{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#, "F99"),
        (r#"{"a":{"dtype":"F32","shape":[1]}}"#, "data_offsets"),
        ("[1]", "expected"),
        ("", "EOF"),
        ("{\"a\u{0}", "control character"),
    ];
    for (json, said) in cases {
        let text = refusal(&file(json, 8));
        assert!(text.starts_with("v: not the header of a safetensors file: ") && text.contains(said), "{json}: {text}");
    }
    assert_eq!(
        refusal(&[1, 2, 3]),
        "v: not the header of a safetensors file: the file has 3 bytes, its length alone takes 8"
    );
    let mut bytes = file("{}", 0);
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refusal(&bytes).ends_with(&format!("a length of {} bytes, wanted at most {MAX_HEADER}", u64::MAX)));
    bytes[..8].copy_from_slice(&9_u64.to_le_bytes());
    assert!(refusal(&bytes).ends_with("its length is 9 bytes, the file has 2 left"));
    assert_eq!(refusal(&file("{}", 1)), "v: the header promises a file of 10 bytes, it has 11");
    let nested = format!("{{\"a\":{}", "[".repeat(100_000));
    assert!(refusal(&file(&nested, 0)).contains("recursion"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_mutation_of_a_head_gives_tensors_within_the_file_or_an_error(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        size in 0u64..1000,
    ) {
        let mut bytes = safetensors_head(3, 2, "F32", 5).unwrap();
        let whole = bytes.len() + 8 * 4 + 4 * 6 + 5;
        bytes.resize(whole, 7);
        for (at, byte) in changes {
            let at = at.index(whole);
            bytes[at] = byte;
        }
        let cut = cut.index(whole + 1);
        for (head, size) in [(&bytes[..], whole as u64), (&bytes[..cut], cut as u64), (&bytes[..cut], size)] {
            if let Ok(read) = parse(head, size) {
                prop_assert!(read.tensors.iter().all(|one| one.bytes.start <= one.bytes.end && one.bytes.end <= size));
            }
        }
    }

    #[test]
    fn any_bytes_give_tensors_or_an_error(json in "\\PC{0,40}", data in 0usize..20) {
        drop(parse(&file(&json, data), 8 + json.len() as u64 + data as u64));
    }
}
