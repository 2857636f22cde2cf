//! Colours as devices write them, and ours: `#rrggbb`. Filters `color_hex`, `hs_hex` and `xy_hex` make one of the other.

use minijinja::value::ValueKind;
use minijinja::{Environment, Value};

pub(super) fn add(engine: &mut Environment<'_>) {
    engine.add_filter("color_hex", |value: Value| hex(of_any(&value)));
    engine.add_filter("hs_hex", |value: Value| hex(pair(&value, "h", "s").map(|(h, s)| Rgb::from_hs(h, s))));
    engine.add_filter("xy_hex", |value: Value| hex(pair(&value, "x", "y").map(|(x, y)| Rgb::from_xy(x, y))));
}

/// A colour at full brightness or not: red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// Reads `#rrggbb`, `rrggbb` and `r,g,b` with whatever follows.
pub fn parse(text: &str) -> Option<Rgb> {
    let text = text.trim();
    let digits = text.strip_prefix('#').unwrap_or(text);
    if digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let byte = |from: usize| u8::from_str_radix(&digits[from..from + 2], 16).ok();
        return Some(Rgb(byte(0)?, byte(2)?, byte(4)?));
    }
    let mut parts = text.trim_matches(['(', ')', '[', ']']).split(',').map(|part| part.trim().parse().ok());
    Some(Rgb::clamped(parts.next()??, parts.next()??, parts.next()??))
}

impl Rgb {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
    fn clamped(red: f64, green: f64, blue: f64) -> Self {
        let byte = |part: f64| part.round().clamp(0.0, 255.0) as u8;
        Self(byte(red), byte(green), byte(blue))
    }

    /// From a hue in degrees and a saturation in percent, at full value.
    pub fn from_hs(hue: f64, saturation: f64) -> Self {
        let saturation = saturation.clamp(0.0, 100.0) / 100.0;
        let part = |n: f64| {
            let k = (n + hue.rem_euclid(360.0) / 60.0) % 6.0;
            255.0 * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0))
        };
        Self::clamped(part(5.0), part(3.0), part(1.0))
    }

    /// From a point of the CIE 1931 diagram, as bright as it can be (sRGB, D65).
    pub fn from_xy(x: f64, y: f64) -> Self {
        let y = y.max(1e-6);
        let (big_x, big_z) = (x / y, (1.0 - x - y) / y);
        let linear = [
            3.240_6 * big_x - 1.537_2 - 0.498_6 * big_z,
            -0.968_9 * big_x + 1.875_8 + 0.041_5 * big_z,
            0.055_7 * big_x - 0.204 + 1.057 * big_z,
        ];
        let brightest = linear.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let [red, green, blue] = linear.map(|part| {
            let part = (part / brightest).max(0.0);
            let part = if part <= 0.003_130_8 { 12.92 * part } else { 1.055 * part.powf(1.0 / 2.4) - 0.055 };
            part * 255.0
        });
        Self::clamped(red, green, blue)
    }

    /// Hue in degrees and saturation in percent, each with at most two digits after the point.
    pub fn to_hs(self) -> (f64, f64) {
        let [red, green, blue] = [self.0, self.1, self.2].map(f64::from);
        let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
        let range = most - least;
        if range == 0.0 {
            return (0.0, 0.0);
        }
        let sixths = if most == red {
            ((green - blue) / range).rem_euclid(6.0)
        } else if most == green {
            (blue - red) / range + 2.0
        } else {
            (red - green) / range + 4.0
        };
        (round(sixths * 60.0, 100.0), round(range / most * 100.0, 100.0))
    }

    /// The point of the CIE 1931 diagram, with at most four digits after the point.
    pub fn to_xy(self) -> (f64, f64) {
        let [red, green, blue] = [self.0, self.1, self.2].map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        let x = 0.412_4 * red + 0.357_6 * green + 0.180_5 * blue;
        let y = 0.212_6 * red + 0.715_2 * green + 0.072_2 * blue;
        let sum = x + y + 0.019_3 * red + 0.119_2 * green + 0.950_5 * blue;
        // Black has no colour: the white that the others are measured by.
        if sum == 0.0 { (0.312_7, 0.329) } else { (round(x / sum, 1e4), round(y / sum, 1e4)) }
    }

    /// `#rrggbb`
    pub fn to_hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

fn round(number: f64, per: f64) -> f64 {
    (number * per).round() / per
}

/// Nothing for what is no colour, which is no new value.
fn hex(color: Option<Rgb>) -> String {
    color.map(Rgb::to_hex).unwrap_or_default()
}

fn number(value: &Value) -> Option<f64> {
    f64::try_from(value.clone())
        .ok()
        .or_else(|| value.as_str()?.trim().parse().ok())
        .filter(|number| number.is_finite())
}

/// Two numbers of a map, of a list, or of a text with a comma.
fn pair(value: &Value, one: &str, two: &str) -> Option<(f64, f64)> {
    match value.kind() {
        ValueKind::Map => Some((number(&value.get_attr(one).ok()?)?, number(&value.get_attr(two).ok()?)?)),
        ValueKind::Seq => {
            Some((number(&value.get_item_by_index(0).ok()?)?, number(&value.get_item_by_index(1).ok()?)?))
        }
        _ => {
            let (one, two) = value.as_str()?.trim_matches(['(', ')', '[', ']']).split_once(',')?;
            let parse = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            Some((parse(one)?, parse(two.split(',').next()?)?))
        }
    }
}

/// Whatever of `r g b`, `h s` and `x y` there is.
fn of_any(value: &Value) -> Option<Rgb> {
    match value.kind() {
        ValueKind::Map => {
            let part = |name: &str| value.get_attr(name).ok().as_ref().and_then(number);
            let rgb = || Some(Rgb::clamped(part("r")?, part("g")?, part("b")?));
            let hs =
                || Some(Rgb::from_hs(part("h").or_else(|| part("hue"))?, part("s").or_else(|| part("saturation"))?));
            rgb().or_else(hs).or_else(|| Some(Rgb::from_xy(part("x")?, part("y")?)))
        }
        ValueKind::Seq => {
            let part = |place| value.get_item_by_index(place).ok().as_ref().and_then(number);
            Some(Rgb::clamped(part(0)?, part(1)?, part(2)?))
        }
        _ => parse(value.as_str()?),
    }
}
