//! Makes excerpts of the caller's input for error texts: short, and harmless to a terminal or a log viewer.

use std::fmt;

use super::limits::MAX_EXCERPT;

/// Mark of an omission.
const ELLIPSIS: char = '…';

/// Returns the input cut to [`MAX_EXCERPT`] characters, with a replacement for each character that is not visible.
pub(super) fn excerpt(input: &str) -> String {
    cut(input).chars().map(|c| if is_invisible(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Returns one step of a JSON Pointer to a member (RFC 6901, sections 3 and 4), as an [`excerpt`].
pub(super) fn pointer_step(name: &str) -> String {
    excerpt(name).replace('~', "~0").replace('/', "~1")
}

/// Returns a JSON Pointer of the caller's names, cut to [`MAX_EXCERPT`] characters.
pub(super) fn cut_pointer(pointer: &str) -> String {
    let short = cut(pointer);
    match short.strip_suffix(ELLIPSIS) {
        // A single `~` at the end would be a malformed pointer.
        Some(kept) => format!("{}{ELLIPSIS}", kept.trim_end_matches('~')),
        None => short,
    }
}

/// Returns at most [`MAX_EXCERPT`] characters; if there were more, the last one is an ellipsis.
fn cut(text: &str) -> String {
    if text.chars().nth(MAX_EXCERPT).is_none() {
        return text.to_owned();
    }
    text.chars().take(MAX_EXCERPT - 1).chain([ELLIPSIS]).collect()
}

/// Returns whether the character is a control character, or reorders or hides the text around it. With such characters
/// an address or a name could look like another one (Unicode Technical Report 36, section 2; "Trojan Source",
/// CVE-2021-42574).
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns whether the text starts with an ASCII prefix in any case.
pub(super) fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// An invisible character, and its position in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvisibleCharacter {
    character: char,
    position: &'static str,
}

impl InvisibleCharacter {
    /// Returns the invisible character at the start or the end of the text.
    pub(super) fn find_at_ends(text: &str) -> Option<Self> {
        Self::of(text.chars().next(), "starts with").or_else(|| Self::of(text.chars().next_back(), "ends with"))
    }

    /// Returns an invisible character of the text: the one at its start or end, or else the first one inside.
    pub(super) fn find(text: &str) -> Option<Self> {
        Self::find_at_ends(text).or_else(|| Self::of(text.chars().find(|&c| is_blank_or_invisible(c)), "contains"))
    }

    /// Returns whether it is white space, which separates the text around it.
    pub(super) fn is_blank(self) -> bool {
        self.character.is_whitespace()
    }

    fn of(character: Option<char>, position: &'static str) -> Option<Self> {
        character.filter(|&c| is_blank_or_invisible(c)).map(|character| Self { character, position })
    }
}

impl fmt::Display for InvisibleCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { character, position } = self;
        write!(f, "{position} U+{:04X}", u32::from(*character))?;
        let name = match self.character {
            '\t' => " (tab)",
            '\n' => " (line feed)",
            '\r' => " (carriage return)",
            ' ' => " (space)",
            '\u{a0}' => " (no-break space)",
            '\u{200b}' => " (zero-width space)",
            '\u{feff}' => " (byte order mark)",
            _ => "",
        };
        f.write_str(name)
    }
}

fn is_blank_or_invisible(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_visible_excerpt_is_unchanged() {
        assert_eq!(excerpt("naïve 名前 😀"), "naïve 名前 😀");
        assert_eq!(excerpt(&"é".repeat(MAX_EXCERPT)), "é".repeat(MAX_EXCERPT));
    }

    #[test]
    fn long_excerpt_is_cut_between_characters() {
        assert_eq!(excerpt(&"é".repeat(MAX_EXCERPT + 1)), format!("{}…", "é".repeat(MAX_EXCERPT - 1)));
    }

    #[test]
    fn invisible_character_in_excerpt_is_replaced() {
        assert_eq!(excerpt("a\u{0}b\n\u{1b}[31m\u{202e}c\u{200b}"), "a\u{fffd}b\u{fffd}\u{fffd}[31m\u{fffd}c\u{fffd}");
    }

    #[test]
    fn pointer_step_is_escaped_and_cut_pointer_is_valid() {
        assert_eq!(pointer_step("a/b~c"), "a~1b~0c");
        let pointer = format!("/{}~0~0", "a".repeat(MAX_EXCERPT - 3));
        assert_eq!(cut_pointer(&pointer), format!("/{}…", "a".repeat(MAX_EXCERPT - 3)));
    }
}
