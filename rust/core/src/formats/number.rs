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

/// The powers of ten that float64 holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The number that `bytes` start with and how long it is, where it is a plain decimal of at most 15 digits that a space
/// or the end follows: nearly every number in files of vectors. None says nothing.
///
/// Digits and power of ten are exact in float64, so their quotient is the nearest float64: what [`parse_number`] gives
/// (Clinger 1990, "How to Read Floating Point Numbers Accurately").
#[inline(always)]
pub(crate) fn plain_number(bytes: &[u8]) -> Option<(f64, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let mut digits = 0_u64;
    let start = at;
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    let mut count = at - start;
    let mut places = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
            digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        places = at - point;
        count += places;
    }
    let ends = bytes.get(at).is_none_or(|&byte| byte == b' ');
    if count == 0 || count > 15 || !ends {
        return None;
    }
    let value = digits as f64 / EXACT_POWERS[places];
    Some((if negative { -value } else { value }, at))
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
