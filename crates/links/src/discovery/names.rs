//! Names made of what devices call themselves and their values.

use housewire_core::limits::{ID_BYTES_MAX, LABEL_BYTES_MAX};

/// Small letters, digits and single underscores; empty when there is nothing of the kind in it. What has a common spelling in ASCII
/// is spelled so.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars().flat_map(char::to_lowercase) {
        let spelled = match letter {
            'a'..='z' | '0'..='9' => {
                slug.push(letter);
                continue;
            }
            'ä' | 'æ' => "ae",
            'ö' | 'œ' => "oe",
            'ü' => "ue",
            'ß' => "ss",
            'à' | 'á' | 'â' | 'ã' | 'å' | 'ą' => "a",
            'ç' | 'ć' | 'č' => "c",
            'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => "e",
            'ì' | 'í' | 'î' | 'ï' => "i",
            'ł' => "l",
            'ñ' | 'ń' | 'ň' => "n",
            'ò' | 'ó' | 'ô' | 'õ' | 'ø' => "o",
            'ř' => "r",
            'ś' | 'š' => "s",
            'ù' | 'ú' | 'û' | 'ů' => "u",
            'ý' | 'ÿ' => "y",
            'ź' | 'ż' | 'ž' => "z",
            '₂' => "2",
            '₃' => "3",
            // Nothing is between the letters of one word.
            '\'' | '’' | '\u{300}'..='\u{36f}' => "",
            _ if slug.is_empty() || slug.ends_with('_') => "",
            _ => "_",
        };
        slug.push_str(spelled);
    }
    // Room for what makes it differ from others.
    slug.truncate(ID_BYTES_MAX - 16);
    let len = slug.trim_end_matches('_').len();
    slug.truncate(len);
    slug
}

/// As much of a text as a name for people may have.
pub fn label(text: &str) -> String {
    let mut end = text.len().min(LABEL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_names_of_properties_or_nothing() {
        for (text, expected) in [
            ("Desk Lamp", "desk_lamp"),
            ("  CO₂ / PM2.5  ", "co2_pm2_5"),
            ("Küche: größe", "kueche_groesse"),
            ("Père's lampe", "peres_lampe"),
            ("__x__", "x"),
            ("Кухня", ""),
            ("", ""),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
        assert_eq!(slug(&"long name ".repeat(20)).len(), ID_BYTES_MAX - 16);
    }

    #[test]
    fn labels_are_cut_between_letters() {
        assert_eq!(label("lamp"), "lamp");
        assert_eq!(label(&"ü".repeat(200)).len(), LABEL_BYTES_MAX);
        assert_eq!(label(&format!("x{}", "ü".repeat(200))).len(), LABEL_BYTES_MAX - 1);
    }
}
