//! Names of people, as names and texts of ours.

use housewire_core::PropertyName;
use housewire_protocols::blynk::Pin;

/// Of names that are made of labels, so that a number fits behind them.
const STEM_CHARS_MAX: usize = 40;
/// Of titles and names.
const TEXT_BYTES_MAX: usize = 120;

/// A text as people wrote it, on one line and without what turns the text around it; `None` if nothing is left.
pub(super) fn clean(text: &str) -> Option<String> {
    let turns = |char: char| matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let mut cleaned = String::new();
    for char in text.trim().chars().filter(|char| !turns(*char)) {
        let char = if char.is_control() || matches!(char, '\u{2028}' | '\u{2029}') { ' ' } else { char };
        if cleaned.len() + char.len_utf8() > TEXT_BYTES_MAX {
            break;
        }
        cleaned.push(char);
    }
    let cleaned = cleaned.trim().to_owned();
    (!cleaned.is_empty()).then_some(cleaned)
}

/// Small letters, digits and single dashes; empty if nothing of it is Latin.
pub(super) fn stem(text: &str) -> String {
    let mut stem = String::new();
    let mut dash = false;
    for char in text.chars() {
        let mut buffer = [0; 4];
        let plain: &str = match char {
            'a'..='z' | '0'..='9' | 'A'..='Z' => char.encode_utf8(&mut buffer),
            'ä' | 'Ä' | 'æ' | 'Æ' => "ae",
            'ö' | 'Ö' | 'ø' | 'Ø' | 'œ' | 'Œ' => "oe",
            'ü' | 'Ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' | 'À' | 'Á' | 'Â' | 'Ã' | 'Å' | 'ą' => "a",
            'è' | 'é' | 'ê' | 'ë' | 'È' | 'É' | 'Ê' | 'Ë' | 'ę' | 'ě' => "e",
            'ì' | 'í' | 'î' | 'ï' | 'Í' | 'Î' | 'ı' | 'İ' => "i",
            'ò' | 'ó' | 'ô' | 'õ' | 'Ó' | 'Ô' => "o",
            'ù' | 'ú' | 'û' | 'Ú' | 'Û' | 'ů' => "u",
            'ç' | 'Ç' | 'č' | 'Č' | 'ć' => "c",
            'ñ' | 'Ñ' | 'ń' | 'ň' => "n",
            'š' | 'Š' | 'ś' | 'ş' => "s",
            'ž' | 'Ž' | 'ź' | 'ż' => "z",
            'ř' => "r",
            'ł' | 'Ł' => "l",
            'ý' | 'ÿ' => "y",
            _ => "",
        };
        if plain.is_empty() {
            dash = !stem.is_empty();
            continue;
        }
        if stem.len() + plain.len() + usize::from(dash) > STEM_CHARS_MAX {
            break;
        }
        if std::mem::take(&mut dash) {
            stem.push('-');
        }
        stem.push_str(&plain.to_ascii_lowercase());
    }
    stem
}

/// What a property is called whose widget has this label: `None` for what no property may be called, and for the names that other
/// pins have.
pub(super) fn property_name(label: &str) -> Option<String> {
    let name = stem(label);
    let is_free = PropertyName::parse(&name).is_ok() && Pin::from_property_name(&name).is_none();
    is_free.then_some(name)
}

/// A few letters that are the same for the same text, and hardly for another (FNV-1a).
pub(super) fn mark(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{hash:08x}")
}
