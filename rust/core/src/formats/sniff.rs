//! What a file of vectors is, told from its first bytes.

use super::error::{FormatError, excerpt};
use super::limits::{HEAD_ROWS, MAX_DIM};
use super::number::parse_number;
use super::source::Source;

/// How the rows of a file are laid out. No number in it is trusted with memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// GloVe text: rows only.
    Glove {
        /// Numbers in a row.
        dim: usize,
    },
    /// word2vec text: a header, then the rows.
    Word2vec {
        /// Rows promised.
        rows: u64,
        /// Numbers in a row.
        dim: usize,
    },
}

impl Layout {
    /// Numbers in a row.
    pub fn dim(self) -> usize {
        match self {
            Self::Glove { dim } | Self::Word2vec { dim, .. } => dim,
        }
    }

    /// The format's name, as the caller gives it.
    pub fn format(self) -> Format {
        match self {
            Self::Glove { .. } => Format::Glove,
            Self::Word2vec { .. } => Format::Word2vec,
        }
    }
}

/// A format of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// GloVe text.
    Glove,
    /// word2vec text.
    Word2vec,
}

impl Format {
    /// Its name, as the caller gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Glove => "glove",
            Self::Word2vec => "word2vec",
        }
    }
}

/// Tells the layout of a file from its head; `wanted` is the caller's word for it, None to look.
///
/// - A first line of exactly two unsigned whole numbers is a header: word2vec.
/// - Otherwise GloVe. The numbers of one row are its trailing fields that read as numbers, at most all but the first
///   field (so that the word `2008` is a word); dim is the count that most of the first 64 rows have, the larger one
///   in a tie. Where words of the first rows hold spaces and end in a number, the other rows outvote them.
pub(crate) fn sniff(source: &Source, wanted: Option<Format>) -> Result<Layout, FormatError> {
    let path = || source.path().to_owned();
    let (head, whole) = source.head();
    if wanted.is_none()
        && let Some(byte) = memchr::memchr(0, head)
    {
        return Err(FormatError::NotText { path: path(), byte });
    }
    let mut lines = complete_lines(head, whole);
    let Some(first) = lines.clone().next().filter(|_| lines.clone().any(|line| !line.is_empty())) else {
        return Err(FormatError::Empty { path: path() });
    };
    let header = if wanted == Some(Format::Glove) { None } else { header_fields(first) };
    let Some((rows, dim)) = header else {
        if wanted == Some(Format::Word2vec) {
            return Err(FormatError::NoHeader { path: path(), found: excerpt(first) });
        }
        return match row_width(lines) {
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
    lines.next();
    match lines.filter(|line| !line.is_empty()).take(HEAD_ROWS).map(trailing_numbers).min() {
        Some(found) if found > dim => Err(FormatError::HeaderDim { path: path(), promised: dim, found }),
        _ => Ok(Layout::Word2vec { rows, dim }),
    }
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
