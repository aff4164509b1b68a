//! Numbers as text: parsed as float64 and cast, as Python and gensim do; written with the fewest digits that come back.

use std::fmt::Write;

use crate::Element;

/// An element type of a table that text can hold.
pub trait Number: Element {
    /// Its name as NumPy spells it.
    const NAME: &'static str;

    /// Appends the shortest text that [`parse_number`] and a cast turn back into the same bits.
    fn format(self, out: &mut String);
}

impl Number for f64 {
    const NAME: &'static str = "float64";

    fn format(self, out: &mut String) {
        write!(out, "{self:?}").expect("a String takes any text");
    }
}

impl Number for f32 {
    const NAME: &'static str = "float32";

    fn format(self, out: &mut String) {
        let start = out.len();
        write!(out, "{self:?}").expect("a String takes any text");
        // Readers round twice, to float64 and then to float32. For a few values (7.038531e-26 is one) the shortest
        // float32 text then comes back as a neighbour; the digits of the same value as float64 never do.
        if out[start..].parse::<f64>().map(|value| value as f32) != Ok(self) {
            out.truncate(start);
            f64::from(self).format(out);
        }
    }
}

/// The value of a field, as Python's `float` gives it; infinities and NaN included. None when it is no number.
///
/// ```
/// use finevec_core::formats::parse_number;
/// assert_eq!(parse_number(b"2.6336e-05"), Some(2.6336e-5));
/// assert_eq!(parse_number(b"0,5"), None);
/// ```
pub fn parse_number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// How many fields of a word after its first one are numbers: those that a row has too many, if it has.
///
/// Words such as `. . .` and `at name@domain.com` have none, `route 66` has one, and more than one are the numbers of
/// a wider row, or of a row that lost its line break.
pub(crate) fn numbers_in_word(word: &[u8]) -> usize {
    let Some(space) = memchr::memchr(b' ', word) else { return 0 };
    // Only digits make a number here: `nan` and `inf` are words of languages, too.
    let is_number = |field: &&[u8]| field.iter().any(u8::is_ascii_digit) && parse_number(field).is_some();
    word[space + 1..].split(|&byte| byte == b' ').filter(is_number).count()
}

#[cfg(test)]
mod tests {
    use super::numbers_in_word;

    #[test]
    fn numbers_after_the_first_field_are_counted() {
        for (word, count) in [
            ("2008", 0),
            (". . .", 0),
            ("at name@domain.com", 0),
            ("to inf nan", 0),
            ("8\u{a0}1/2", 0),
            ("route 66", 1),
            ("66 route", 0),
            ("route 66 motel", 1),
            ("extra 0.3 0.1", 2),
            ("the 0.1 0.2 of", 2),
            ("", 0),
            (" ", 0),
            (" 1", 1),
        ] {
            assert_eq!(numbers_in_word(word.as_bytes()), count, "{word:?}");
        }
    }
}
