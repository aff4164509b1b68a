//! What a file of vectors is, told from its first bytes.

use std::path::Path;

use super::error::FormatError;
use super::excerpt::excerpt;
use super::limits::{HEAD_ROWS, MAX_DIM, MAX_LINE, MAX_WORD};
use super::number::parse_number;
use super::source::Source;

/// A format of word vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// GloVe text: rows only.
    Glove,
    /// word2vec text: a header, then the rows.
    Word2vec,
    /// word2vec binary: a header, then words and float32 values.
    Word2vecBinary,
    /// fastText `.vec`: as word2vec text.
    FastText,
    /// fastText `.bin`: a whole model.
    FastTextBinary,
    /// safetensors.
    Safetensors,
    /// NumPy's `.npy`, with the words in a file beside it.
    Npy,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 7] = [
        Self::Glove,
        Self::Word2vec,
        Self::Word2vecBinary,
        Self::FastText,
        Self::FastTextBinary,
        Self::Safetensors,
        Self::Npy,
    ];

    /// Its name, as the caller gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Glove => "glove",
            Self::Word2vec => "word2vec",
            Self::Word2vecBinary => "word2vec-binary",
            Self::FastText => "fasttext",
            Self::FastTextBinary => "fasttext-binary",
            Self::Safetensors => "safetensors",
            Self::Npy => "npy",
        }
    }

    /// The format of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// How the rows of a file are laid out. No number in it is trusted with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Rows of text with so many numbers.
    Glove { dim: usize },
    /// A header, and rows of text.
    Word2vec { rows: u64, dim: usize },
    /// A header, and rows of a word and float32 values.
    Word2vecBinary { rows: u64, dim: usize },
    /// Something without rows that follow each other: its reader looks at its header.
    Other(Format),
}

/// The format of a file, as far as its first bytes tell.
///
/// # Errors
/// [`FormatError::Io`], and for text that has no numbers, or an impossible header, what the reader would say.
pub fn sniff_file(path: &Path) -> Result<Format, FormatError> {
    let mut source = Source::open(path)?;
    Ok(match sniff(&mut source, None)? {
        Layout::Glove { .. } => Format::Glove,
        Layout::Word2vec { .. } => Format::Word2vec,
        Layout::Word2vecBinary { .. } => Format::Word2vecBinary,
        Layout::Other(format) => format,
    })
}

/// Tells the layout from the head of `source`, or checks that `wanted` fits. A byte order mark is passed.
///
/// - The marks of fastText, safetensors and NumPy are what their readers look for, too.
/// - A first line of exactly two unsigned whole numbers is a header: word2vec. Its rows are text unless the first
///   one does not end in numbers and, taken for bytes, the values of some row are no text.
/// - Otherwise GloVe. The numbers of one row are its trailing fields that read as numbers, at most all but the first
///   field (so that the word `2008` is a word); dim is the count that most of the first 64 rows have, the larger one
///   in a tie. Where words of the first rows hold spaces and end in a number, the other rows outvote them.
pub(crate) fn sniff(source: &mut Source, wanted: Option<Format>) -> Result<Layout, FormatError> {
    let marked = by_mark(source.bytes());
    match wanted {
        None if marked.is_some() => return Ok(Layout::Other(marked.expect("a mark was found"))),
        Some(other @ (Format::FastTextBinary | Format::Safetensors | Format::Npy)) => return Ok(Layout::Other(other)),
        _ => source.skip_byte_order_mark(),
    }
    let path = || source.path().to_owned();
    let (head, whole) = source.head();
    if head.len() > MAX_LINE && memchr::memchr(b'\n', head).is_none() {
        return Err(FormatError::LineTooLong { path: path(), line: 1, limit: MAX_LINE });
    }
    let mut lines = complete_lines(head, whole);
    let header = if wanted == Some(Format::Glove) { None } else { lines.clone().next().and_then(header_fields) };
    let zero = || memchr::memchr(0, head).map(|at| source.offset() as usize + at).filter(|_| wanted.is_none());
    if header.is_none()
        && let Some(byte) = zero()
    {
        return Err(FormatError::NotText { path: path(), byte });
    }
    let Some(first) = lines.next().filter(|line| !line.is_empty() || lines.clone().any(|line| !line.is_empty())) else {
        return Err(FormatError::Empty { path: path() });
    };
    let Some((rows, dim)) = header else {
        if wanted.is_some_and(|format| format != Format::Glove) {
            return Err(FormatError::NoHeader { path: path(), found: excerpt(first) });
        }
        return match row_width(std::iter::once(first).chain(lines)) {
            Some(found) if found > MAX_DIM => Err(FormatError::TooWide { path: path(), found, limit: MAX_DIM }),
            Some(dim) => Ok(Layout::Glove { dim }),
            None => Err(FormatError::NoNumbers { path: path(), line: 1, found: excerpt(first) }),
        };
    };
    let (Some(rows), Some(dim)) = (whole_number(rows), whole_number(dim)) else {
        return Err(FormatError::HeaderRange { path: path(), found: excerpt(first), max_dim: MAX_DIM });
    };
    if dim == 0 || dim > MAX_DIM as u64 {
        return Err(FormatError::HeaderRange { path: path(), found: excerpt(first), max_dim: MAX_DIM });
    }
    let dim = dim as usize;
    let body = &head[memchr::memchr(b'\n', head).map_or(head.len(), |end| end + 1)..];
    let first_row = trim_end(&body[..memchr::memchr(b'\n', body).unwrap_or(body.len())]);
    let is_binary = || trailing_numbers(first_row) < dim && holds_bytes(body, dim);
    if wanted == Some(Format::Word2vecBinary) || (wanted.is_none() && is_binary()) {
        return Ok(Layout::Word2vecBinary { rows, dim });
    }
    if let Some(byte) = zero() {
        return Err(FormatError::NotText { path: path(), byte });
    }
    match lines.filter(|line| !line.is_empty()).take(HEAD_ROWS).map(trailing_numbers).min() {
        Some(found) if found > dim => Err(FormatError::HeaderDim { path: path(), promised: dim, found }),
        _ => Ok(Layout::Word2vec { rows, dim }),
    }
}

/// The format whose files start with a mark of their own.
fn by_mark(head: &[u8]) -> Option<Format> {
    const FASTTEXT: [u8; 4] = 793_712_314_i32.to_le_bytes();
    if head.starts_with(&FASTTEXT) {
        Some(Format::FastTextBinary)
    } else if head.starts_with(b"\x93NUMPY") {
        Some(Format::Npy)
    } else if head.get(8) == Some(&b'{') && head[4..8] == [0; 4] {
        // The length of a header of JSON, in 8 bytes, and the header.
        Some(Format::Safetensors)
    } else {
        None
    }
}

/// Whether what follows a header reads as rows of a word, a space and `4 * dim` bytes, and not as text: the bytes of
/// some row's values are no text.
fn holds_bytes(body: &[u8], dim: usize) -> bool {
    let mut rest = after_newlines(body);
    while let Some(row) = row_bytes(rest, dim) {
        let values = &rest[(row - size_of::<f32>() * dim).min(rest.len())..row.min(rest.len())];
        if !may_be_text(values) {
            return true;
        }
        rest = after_newlines(&rest[row.min(rest.len())..]);
    }
    false
}

/// Whether bytes may be cut from a text: no control characters, and UTF-8 but for a character cut at either end.
fn may_be_text(bytes: &[u8]) -> bool {
    let is_control = |&byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r');
    let cut = bytes.iter().take(3).take_while(|&&byte| byte & 0xc0 == 0x80).count();
    let is_utf8 = std::str::from_utf8(&bytes[cut..]).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_utf8 && !bytes.iter().any(is_control)
}

/// Bytes of the row that starts `bytes`, its values perhaps not all there; None where its word does not end.
pub(crate) fn row_bytes(bytes: &[u8], dim: usize) -> Option<usize> {
    let word = memchr::memchr(b' ', &bytes[..bytes.len().min(MAX_WORD + 1)])?;
    Some(word + 1 + size_of::<f32>() * dim)
}

/// `bytes` behind the line breaks that they start with.
pub(crate) fn after_newlines(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|&&byte| byte == b'\n').count()..]
}

/// A line without the spaces, tabs and carriage return at its end.
pub(crate) fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    &line[..end.map_or(0, |last| last + 1)]
}

/// The lines of `head`, trimmed; a last one without a line break only where the file ends there.
fn complete_lines(head: &[u8], whole: bool) -> impl Iterator<Item = &[u8]> + Clone {
    let end = if whole { head.len() } else { memchr::memrchr(b'\n', head).unwrap_or(head.len()) };
    head[..end].split(|&byte| byte == b'\n').map(trim_end)
}

/// The two fields of a first line that is a header.
fn header_fields(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    let (rows, dim) = (&line[..space], &line[space + 1..]);
    let digits = |field: &[u8]| !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    (digits(rows) && digits(dim)).then_some((rows, dim))
}

fn whole_number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Fields at the end of `line` that read as numbers, the first field never among them.
fn trailing_numbers(line: &[u8]) -> usize {
    let after_first = memchr::memchr(b' ', line).map_or(&[][..], |space| &line[space..]);
    let spaces = memchr::memrchr_iter(b' ', after_first);
    let mut end = after_first.len();
    let mut count = 0;
    for space in spaces {
        if parse_number(&after_first[space + 1..end]).is_none() {
            break;
        }
        count += 1;
        end = space;
    }
    count
}

/// Numbers in a row, by the vote of the first rows; None when no row votes for any.
fn row_width<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<usize> {
    let mut votes: Vec<(usize, usize)> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()).take(HEAD_ROWS) {
        let width = trailing_numbers(line);
        match votes.iter_mut().find(|(_, voted)| *voted == width) {
            Some((count, _)) => *count += 1,
            None => votes.push((1, width)),
        }
    }
    let (_, dim) = votes.into_iter().filter(|&(_, width)| width > 0).max()?;
    Some(dim)
}

#[cfg(test)]
mod tests {
    use super::{row_width, trailing_numbers, trim_end};

    #[test]
    fn numbers_are_counted_from_the_right() {
        for (line, count) in [
            ("the 0.1 -2 3e-5", 3),
            ("2008 0.1 -2 3e-5", 3),
            (". . . 0.1 2", 2),
            ("route 66 0.1 2", 3),
            ("word", 0),
            ("", 0),
            (" 0.1 0.2", 2),
            ("a  0.1", 1),
            ("a 0.1 x", 0),
        ] {
            assert_eq!(trailing_numbers(line.as_bytes()), count, "{line:?}");
        }
    }

    #[test]
    fn most_rows_decide_and_the_wider_wins_a_tie() {
        let width = |text: &str| row_width(text.lines().map(str::as_bytes));
        assert_eq!(width("route 66 1 2\nthe 1 2\nof 1 2"), Some(2));
        assert_eq!(width("the 1 2 3\nof 1 2"), Some(3));
        assert_eq!(width("of 1 2\nthe 1 2 3"), Some(3));
        assert_eq!(width("word\nother"), None);
        assert_eq!(width("one word"), None);
    }

    #[test]
    fn line_ends_of_every_system_are_cut() {
        assert_eq!(trim_end(b"a 1 \r"), b"a 1");
        assert_eq!(trim_end(b"a 1\t "), b"a 1");
        assert_eq!(trim_end(b" \r"), b"");
    }
}
