//! Headers of safetensors files.
//!
//! A file is the length of its header, 8 bytes little-endian; the header, JSON that gives each tensor a name, a dtype, a
//! shape and its bytes; and the bytes of the tensors without gaps. What a header says is checked by the `safetensors`
//! crate, and against the size of the file here, so that whoever reads the tensors can trust it.

use std::ops::Range;
use std::path::Path;

use ::safetensors::tensor::{Dtype, Metadata, TensorInfo};

use super::error::FormatError;
use super::limits::{MAX_DIM, MAX_HEADER, MAX_WORDS};
use super::sniff::Format;

/// Bytes of the length of the header.
const LENGTH: usize = size_of::<u64>();

/// Where the table of a file that we write may start: a map of it is then aligned for all that a CPU does.
const ALIGNMENT: usize = 64;

/// A tensor of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// The name of its dtype, such as `F32`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its bytes in the file.
    pub bytes: Range<u64>,
}

/// What a header tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorFile {
    /// The tensors in the order of the file.
    pub tensors: Vec<Tensor>,
    /// Texts about them, by key.
    pub metadata: Vec<(String, String)>,
}

/// What the parser said, in one line of at most 300 characters: it quotes strings of the file as they are.
fn printable(said: &str) -> String {
    let escape = |c: char| if matches!(c, '"' | '\'' | '\\') { c.to_string() } else { c.escape_debug().to_string() };
    said.chars().take(300).map(escape).collect()
}

/// Understands the header of a file of `size` bytes. `head` is the file as far as the header goes, or further.
///
/// # Errors
/// [`FormatError::Header`] where it is none, and [`FormatError::Size`] where the file is shorter or longer than it says.
pub fn parse_safetensors(path: &Path, head: &[u8], size: u64) -> Result<TensorFile, FormatError> {
    let refused = |reason| FormatError::Header { path: path.to_owned(), format: Format::Safetensors.name(), reason };
    let Some((length, rest)) = head.split_first_chunk::<LENGTH>() else {
        return Err(refused(format!("the file has {size} bytes, its length alone takes {LENGTH}")));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER as u64 {
        return Err(refused(format!("a length of {length} bytes, wanted at most {MAX_HEADER}")));
    }
    let Some(json) = rest.get(..length as usize) else {
        let left = size.saturating_sub(LENGTH as u64);
        return Err(refused(format!("its length is {length} bytes, the file has {left} left")));
    };
    let header: Metadata = serde_json::from_slice(json).map_err(|error| refused(printable(&error.to_string())))?;
    let start = LENGTH as u64 + length;
    let promised = start.saturating_add(header.data_len() as u64);
    if promised != size {
        return Err(FormatError::Size { path: path.to_owned(), promised, found: size });
    }
    let mut tensors: Vec<Tensor> = header
        .tensors()
        .into_iter()
        .map(|(name, info)| {
            let (first, end) = info.data_offsets;
            let bytes = start + first as u64..start + end as u64;
            Tensor { name, dtype: info.dtype.to_string(), shape: info.shape.clone(), bytes }
        })
        .collect();
    tensors.sort_by(|left, right| (left.bytes.start, &left.name).cmp(&(right.bytes.start, &right.name)));
    let mut metadata: Vec<_> =
        header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    metadata.sort();
    Ok(TensorFile { tensors, metadata })
}

/// The start of a file that holds a table and its words: the header and its length. What follows, without gaps, are
/// `rows + 1` offsets of words as int64, the table, and `word_bytes` bytes of UTF-8, all little-endian.
///
/// Tensors of larger elements come first, as the library of the format has it, and the header ends in so many spaces
/// that the table starts at a multiple of 64 bytes: all of it can be mapped and used where it lies.
///
/// # Errors
/// [`FormatError::Shape`] for tables that no file can hold.
pub fn safetensors_head(rows: usize, dim: usize, dtype: &str, word_bytes: usize) -> Result<Vec<u8>, FormatError> {
    let refused = || FormatError::Shape { rows, dim, format: Format::Safetensors.name() };
    let dtype = match dtype {
        "F16" => Dtype::F16,
        "F32" => Dtype::F32,
        "F64" => Dtype::F64,
        _ => return Err(refused()),
    };
    if dim == 0 || dim > MAX_DIM || rows > MAX_WORDS {
        return Err(refused());
    }
    let tensors = [("word_offsets", Dtype::I64, vec![rows + 1]), ("vectors", dtype, vec![rows, dim])];
    let mut end = 0;
    let mut infos = Vec::new();
    for (name, dtype, shape) in tensors.into_iter().chain([("words", Dtype::U8, vec![word_bytes])]) {
        let elements = shape.iter().try_fold(dtype.bitsize() / 8, |bytes, &length| bytes.checked_mul(length));
        let next = elements.and_then(|bytes| bytes.checked_add(end)).ok_or_else(refused)?;
        infos.push((name.to_owned(), TensorInfo { dtype, shape, data_offsets: (end, next) }));
        end = next;
    }
    let metadata = [("format".to_owned(), "finevec".to_owned())].into_iter().collect();
    let header = Metadata::new(Some(metadata), infos).map_err(|_| refused())?;
    let json = serde_json::to_vec(&header).map_err(|_| refused())?;
    let before_table = LENGTH + json.len() + size_of::<i64>() * (rows + 1);
    let length = json.len() + before_table.next_multiple_of(ALIGNMENT) - before_table;
    let mut head = Vec::with_capacity(LENGTH + length);
    head.extend_from_slice(&(length as u64).to_le_bytes());
    head.extend_from_slice(&json);
    head.resize(LENGTH + length, b' ');
    Ok(head)
}
