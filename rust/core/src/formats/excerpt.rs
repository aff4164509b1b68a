//! Pieces of files in messages.

/// `bytes` as a quoted text of at most 40 characters: what is unprintable escaped, bytes that are not UTF-8 as `\xNN`.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const MOST: usize = 40;
    // Four bytes for each character kept are enough, so a long line costs no more than a short one.
    let start = &bytes[..bytes.len().min(4 * (MOST + 1))];
    let mut pieces = Vec::new();
    for chunk in start.utf8_chunks() {
        let escape = |c: char| if c == '\'' { c.to_string() } else { c.escape_debug().to_string() };
        pieces.extend(chunk.valid().chars().map(escape));
        pieces.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    let rest = if pieces.len() > MOST { "…" } else { "" };
    pieces.truncate(MOST);
    format!("\"{}{rest}\"", pieces.concat())
}
