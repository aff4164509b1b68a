//! Words of formats that keep them apart from the table.

use std::path::Path;

use super::collect::Picker;
use super::error::FormatError;
use super::limits::MAX_WORDS;
use super::source::BYTE_ORDER_MARK;
use super::table::ReadOptions;
use super::words::{HashedWords, WordSet};

/// Words that are kept, and where they were.
#[derive(Clone, Debug, Default)]
pub struct PickedWords {
    /// The words, each once, in the order of the file.
    pub words: WordSet,
    /// Words that were looked at.
    pub looked: u64,
    /// The number of each word in the file; None where all that were looked at are kept.
    pub rows: Option<Vec<i64>>,
    /// Words left out because they had come before.
    pub repeated: u64,
}

impl PickedWords {
    /// Looks at the next word.
    fn look(
        &mut self,
        path: &Path,
        picker: &Picker<'_>,
        word: &[u8],
        picked: &mut HashedWords,
        at: impl FnOnce(usize, String) -> FormatError,
    ) -> Result<(), FormatError> {
        let kept = self.words.words().len();
        picked.clear();
        let mut is_new = picker.pick(word, picked, at)?;
        if is_new {
            if kept == MAX_WORDS {
                return Err(FormatError::TooManyWords { path: path.to_owned(), limit: MAX_WORDS });
            }
            let (word, hash) = picked.get(0);
            is_new = self.words.insert_hashed(word, hash);
            self.repeated += u64::from(!is_new);
        }
        match &mut self.rows {
            Some(rows) if is_new => rows.push(self.looked as i64),
            None if !is_new => self.rows = Some((0..kept as i64).collect()),
            _ => {}
        }
        self.looked += 1;
        Ok(())
    }
}

/// Picks among words that lie end to end: word `i` is `block[offsets[i]..offsets[i + 1]]`. The block is at `byte` of the
/// file.
///
/// # Errors
/// [`FormatError::Offsets`] where the offsets do not rise from 0 to the end of the block; [`FormatError::EncodingAt`];
/// [`FormatError::TooManyWords`].
pub fn pick_packed_words(
    path: &Path,
    block: &[u8],
    offsets: &[i64],
    byte: u64,
    options: &ReadOptions,
) -> Result<PickedWords, FormatError> {
    let fault = |position, value| {
        let path = path.to_owned();
        Err(FormatError::Offsets { path, position, value, bytes: block.len() })
    };
    match (offsets.first(), offsets.last()) {
        (None, _) => return fault(0, -1),
        (Some(&first), _) if first != 0 => return fault(0, first),
        (_, Some(&last)) if last != block.len() as i64 => return fault(offsets.len() - 1, last),
        _ => {}
    }
    let mut found = PickedWords::default();
    let (picker, mut picked) = (Picker::new(options, &found.words), HashedWords::default());
    for (position, pair) in offsets.windows(2).enumerate() {
        let (start, end) = (pair[0], pair[1]);
        if end < start || end > block.len() as i64 {
            return fault(position + 1, end);
        }
        let at = |at, found| {
            let (path, byte) = (path.to_owned(), byte + start as u64 + at as u64);
            FormatError::EncodingAt { path, byte, found }
        };
        found.look(path, &picker, &block[start as usize..end as usize], &mut picked, at)?;
    }
    Ok(found)
}

/// Picks among words of which each is a line, and counts all lines. A carriage return before a line break is no part of
/// a word, nor is a byte order mark before the first.
///
/// # Errors
/// [`FormatError::Encoding`] and [`FormatError::TooManyWords`].
pub fn pick_word_lines(path: &Path, text: &[u8], options: &ReadOptions) -> Result<(PickedWords, u64), FormatError> {
    let mut found = PickedWords::default();
    let (picker, mut picked) = (Picker::new(options, &found.words), HashedWords::default());
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let text = text.strip_suffix(b"\n").map_or_else(|| (!text.is_empty()).then_some(text), Some);
    let lines = text.into_iter().flat_map(|text| text.split(|&byte| byte == b'\n'));
    let limit = options.limit.unwrap_or(u64::MAX);
    let mut count = 0;
    for word in lines {
        count += 1;
        if count <= limit {
            let at = |byte, found| FormatError::Encoding { path: path.to_owned(), line: count, byte, found };
            found.look(path, &picker, word.strip_suffix(b"\r").unwrap_or(word), &mut picked, at)?;
        }
    }
    Ok((found, count))
}
