//! Writing word vectors as text, so that reading gives back the same words and the same bits.

use super::error::FormatError;
use super::excerpt::excerpt;
use super::number::{Number, numbers_in_word};
use super::sniff::Format;
use super::write::RowEncoder;

/// Rows of text, values with the fewest digits that read back to the same bits.
pub(crate) struct TextEncoder {
    format: Format,
    text: String,
}

impl TextEncoder {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }
}

impl<T: Number> RowEncoder<T> for TextEncoder {
    fn encode(&mut self, index: usize, word: &str, row: &[T], out: &mut Vec<u8>) -> Result<(), FormatError> {
        check_word(word, index, self.format)?;
        self.text.clear();
        for (column, &value) in row.iter().enumerate() {
            let wide = value.to_f64();
            if !wide.is_finite() {
                return Err(FormatError::Value { index, word: excerpt(word.as_bytes()), column, value: wide });
            }
            self.text.push(' ');
            value.format(&mut self.text);
        }
        self.text.push('\n');
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(self.text.as_bytes());
        Ok(())
    }
}

fn check_word(word: &str, index: usize, format: Format) -> Result<(), FormatError> {
    let reason = if word.contains(['\n', '\r']) {
        "it holds a line break"
    } else if word.ends_with(' ') {
        "it ends in a space, so that two would stand before its numbers"
    } else if word.contains('\0') {
        "it holds a zero byte"
    } else if format == Format::FastText && word.contains(char::is_whitespace) {
        "fastText would end it at its white space"
    } else if numbers_in_word(word.as_bytes()) > 1 {
        "a reader would take the numbers in it for numbers of the row"
    } else if format == Format::Glove && index == 0 && word.starts_with('\u{feff}') {
        "the file would start with a byte order mark"
    } else {
        return Ok(());
    };
    Err(FormatError::Word { index, word: excerpt(word.as_bytes()), reason })
}
