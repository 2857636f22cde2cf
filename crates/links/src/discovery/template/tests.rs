use std::time::{Duration, Instant};

use super::super::limits::TEMPLATE_BYTES_MAX;
use super::*;

mod hostile;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn render(source: &str, message: &str) -> Result<Option<String>, TemplateError> {
    Templates::new().render(source, Context::of_message(message, NOW))
}

#[track_caller]
fn check(source: &str, message: &str, expected: &str) {
    let made = render(source, message);
    assert_eq!(made.as_ref().map(|made| made.as_deref()), Ok(Some(expected)), "{source} of {message}");
}

#[test]
fn templates_as_devices_announce_them() {
    for (source, message, expected) in [
        ("{{ value }}", "21.5", "21.5"),
        ("  {{ value }}\n", "21.5", "21.5"),
        ("{{ value_json.temperature }}", r#"{"temperature":21.50}"#, "21.5"),
        ("{{ value_json['ENERGY']['Power'] }}", r#"{"ENERGY":{"Power":12}}"#, "12"),
        ("{{ value_json.ENERGY.Voltage[1] }}", r#"{"ENERGY":{"Voltage":[229,231]}}"#, "231"),
        ("{{ value_json.missing }}", r#"{"a":1}"#, ""),
        ("{{ value_json.occupancy }}", r#"{"occupancy":true}"#, "True"),
        ("{{ value_json.update }}", r#"{"update":null}"#, "None"),
        ("{% if value_json.contact %}closed{% else %}open{% endif %}", r#"{"contact":false}"#, "open"),
        ("{{ 'ON' if value_json.state == 'on' else 'OFF' }}", r#"{"state":"on"}"#, "ON"),
        ("{{ value_json.a.b is defined }}", r#"{"a":{"b":0}}"#, "True"),
        ("{{ 'x' in value_json }}", r#"{"x":0}"#, "True"),
        ("{{ value | int }}", "21.7", "21"),
        ("{{ value | int(0) + 1 }}", "none", "1"),
        ("{{ value | int(default=-1) }}", "none", "-1"),
        ("{{ value | int(base=16) }}", "ff", "255"),
        ("{{ value | int(0, 16) }}", "0xff", "255"),
        ("{{ value | float }}", "3", "3.0"),
        ("{{ value | float(1.5) }}", "", "1.5"),
        ("{{ value | float | round(1) }}", "2.449", "2.4"),
        ("{{ (value | float / 10) | round(2) }}", "215", "21.5"),
        ("{{ value | round }}", "2.5", "2"),
        ("{{ value | round(1, 'ceil') }}", "2.41", "2.5"),
        ("{{ value | round(0, default=7) }}", "x", "7"),
        ("{{ 2.675 | round(2) }}", "", "2.67"),
        ("{{ value_json.x | default('none') }}", "{}", "none"),
        ("{{ value | default(0) | lower | upper }}", "aB", "AB"),
        ("{{ value | bool }}", "Yes", "True"),
        ("{{ value | multiply(0.1) | round(1) }}", "215", "21.5"),
        ("{{ value | regex_replace('^(\\\\d+)-(\\\\d+)$', '\\\\2/\\\\1') }}", "1-2", "2/1"),
        ("{{ value | regex_findall_index('[0-9]+', 1) }}", "a1b22", "22"),
        ("{{ value | regex_match('AB', true) }}", "abc", "True"),
        ("{{ value is search('c$') }}", "abc", "True"),
        ("{{ value.split(':')[1] }}", "a:b", "b"),
        ("{{ value.split(',') | length }}", "1,2,3", "3"),
        ("{{ value.replace('a', 'b').strip('b') }}", "acab", "c"),
        ("{{ value.upper().startswith('A') }}", "abc", "True"),
        ("{{ value_json.get('a', 5) }}", "{}", "5"),
        ("{{ value_json.keys() | list | join(',') }}", r#"{"b":1,"a":2}"#, "a,b"),
        ("{{ '{:02x}{:02x}'.format(10, 255) }}", "", "0aff"),
        ("{{ '%02d:%02d' | format(7, 5) }}", "", "07:05"),
        ("{{ value | trim | replace(' ', '_') }}", " a b ", "a_b"),
        ("{{ [1, value | int] | max }} {{ min(4, 2) }} {{ max([1, 9]) }}", "3", "3 2 9"),
        ("{{ (value == 'on') | iif('yes', 'no') }}", "on", "yes"),
        ("{{ iif(false) }}", "", "False"),
        ("{{ value_json | tojson }}", r#"{"a":[1,true,null,"x\"y"]}"#, r#"{"a":[1,true,null,"x\"y"]}"#),
        ("{{ (value | from_json).a }}", r#"{"a":1}"#, "1"),
        ("{{ value_json.time | timestamp_custom('%H:%M', true) }}", r#"{"time":3600}"#, "01:00"),
        ("{{ (now().timestamp() - 10) | int }}", "", "1699999990"),
        ("{{ now().year }} {{ now().isoformat() }}", "", "2023 2023-11-14T22:13:20+00:00"),
        ("{{ as_timestamp('1970-01-01T00:01:00+00:00') | int }}", "", "60"),
        ("{{ this.state }}{{ this.attributes.x }}", "", "unknown"),
        ("{{ states('sensor.x') }} {{ is_state('a', 'b') }}", "", "unknown False"),
        (
            "{% set ns = namespace(t=0) %}{% for x in value_json %}{% set ns.t = ns.t + x %}{% endfor %}{{ ns.t }}",
            "[1,2,3]",
            "6",
        ),
        ("{{ {'open': 'OPEN', 'closed': 'CLOSED'}[value] }}", "open", "OPEN"),
        ("{{ value_json.color | color_hex }}", r#"{"color":{"r":255,"g":136,"b":0}}"#, "#ff8800"),
        ("{{ value_json.color | color_hex }}", r#"{"color":{"h":120,"s":100}}"#, "#00ff00"),
        ("{{ value_json.color | color_hex }}", "{}", ""),
        ("{{ value | hs_hex }}", "240, 100", "#0000ff"),
        ("{{ value | xy_hex }}", "0.3127,0.329", "#ffffff"),
        ("{{ value | slugify }}", "Küche: Licht 1", "kueche_licht_1"),
    ] {
        check(source, message, expected);
    }
}

#[test]
fn a_failure_says_what_is_wrong() {
    for (source, message, part) in [
        ("{{ value", "", "cannot be read"),
        ("{{ value | no_such_filter }}", "", "unknown filter"),
        ("{{ value_json.a }}", "no json", "undefined"),
        ("{{ value_json.a.b }}", "{}", "undefined"),
        ("{{ value | int }}", "abc", "'abc' is no number"),
        ("{{ value | from_json }}", "abc", "no JSON"),
        ("{{ value | regex_match('(') }}", "abc", "regular expression"),
        ("{{ value.nothing() }}", "abc", "unknown method"),
        ("{{ 1 / 0 }}", "", "failed"),
        ("{% include 'x' %}", "", "cannot be read"),
    ] {
        let error = render(source, message).expect_err(source).to_string();
        assert!(error.contains(part), "{source}: {error}");
    }
    assert_eq!(render("{{ value_json.a | is_defined }}", "{}"), Ok(None), "no value is no mistake here");
    assert!(Templates::check("{{ x").is_err());
    assert_eq!(Templates::check("{{ x | no_such_filter }}"), Ok(()), "that shows when it is run");
}

#[test]
#[allow(clippy::disallowed_methods)] // how long it takes is what is tested
fn hostile_templates_end_soon() {
    let double = "{% set a = a ~ a %}".repeat(60);
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(3_000), ")".repeat(3_000));
    let lists = format!("{{{{ {}{} }}}}", "[".repeat(3_000), "]".repeat(3_000));
    let not = format!("{{{{ {} 1 }}}}", "not ".repeat(2_000));
    let ifs = "{% if 1 %}".repeat(700);
    let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
    let lists_of_lists = "{% set a = [a, a] %}".repeat(40);
    let bound_by_loops =
        format!("{}{{{{ a ~ '' }}}}{}", "{% for a in [[a,a]] %}".repeat(40), "{% endfor %}".repeat(40));
    let again = "b,".repeat(400);
    let texts = [
        format!("{{% set b = value * 70 %}}{{{{ [{again}] ~ '' }}}}"),
        format!("{{% set b %}}{{{{ value * 70 }}}}{{% endset %}}{{{{ [{again}] ~ '' }}}}"),
        format!("{{% set b %}}{{% set c %}}{{% endset %}}{{{{ value * 70 }}}}{{% endset %}}{{{{ [{again}] ~ '' }}}}"),
        format!("{{% for b in [value * 70] %}}{{{{ [{again}] ~ '' }}}}{{% endfor %}}"),
        format!("{{% set n = namespace(b=value * 70) %}}{{{{ [{}] ~ '' }}}}", "n.b,".repeat(240)),
        "{% set n = [[value * 70]] %}{{ n }}".to_owned(),
    ];
    for source in &texts {
        let error = render(source, &"x".repeat(1_000)).expect_err(source);
        assert!(error.to_string().contains("too large"), "{error}");
    }
    let names = format!("{{{{ [{}] ~ '' }}}}", "v,".repeat(3_000));
    for source in [
        &format!("{{% set a = 'x' %}}{lists_of_lists}{{{{ a ~ '' }}}}"),
        &format!("{{% set a = 'x' %}}{lists_of_lists}{{{{ a | upper }}}}"),
        &format!("{{% set a = 'x' %}}{lists_of_lists}{{{{ {{a: 1}} }}}}"),
        &format!("{{% set a = [] %}}{}{{{{ a | string }}}}", "{% set a = a + a + [1] %}".repeat(60)),
        &bound_by_loops,
        &names,
        "{% set ns = namespace(a=[value]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a ~ '' }}",
        "{% set ns = namespace(a=[value]) %}{% for i in range(60) %}{% set ns.a = {'b': ns.a, 'c': ns.a} %}{% endfor %}{{ ns.a ~ '' }}",
        "{{ [1] * 100000000 ~ '' }}",
        "{{ 100000000 * [value] ~ '' }}",
        "{{ (1, 2) * 100000000 }}",
        "{% set a = [value] %}{{ a * 100000000 ~ '' }}",
        "{% set x | default(value=[x, x]) %}{% endset %}{{ x }}",
        "{% for a in [1] recursive %}{{ loop([a, a]) }}{% endfor %}",
        "{% with a = [value] %}{{ a }}{% endwith %}{{ x.y.z }}",
        "{% macro m(a) %}{{ m([a, a]) }}{% endmacro %}{{ m(1) }}",
        "{% for a in range(999) %}{% for b in range(999) %}{% endfor %}{% endfor %}",
        "{% for a in range(9999) %}{{ value }}{% endfor %}",
        "{% set ns = namespace(a='xxxxxxxx') %}{% for i in range(9000) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}",
        "{{ 'x' * 100000000 }}",
        "{{ [1] * 100000000 }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '{:999999999}'.format(1) }}",
        "{{ 1 | timestamp_custom('%999999999d') }}",
        "{{ (value * 1000).replace('', value * 1000) }}",
        "{{ (value * 600) | regex_replace('', value * 600) }}",
        "{% for i in range(9000) %}{{ value | regex_match('(a|b|c){1,200}') }}{% endfor %}",
        "{{ value | regex_match('((a{100}){100}){100}') }}",
        "{% for i in range(9000) %}{{ value.count('') }}{{ value.find('y') }}{% endfor %}",
        &format!("{{% set a = 'xxxxxxxxxxxxxxxx' %}}{double}{{{{ a }}}}"),
        &nested,
        &lists,
        &not,
        &ifs,
        &long,
    ] {
        let started = Instant::now();
        let made = render(source, &"x".repeat(1_000));
        assert!(made.is_err(), "{:.60}: {:.60}", source, made.unwrap().unwrap_or_default());
        assert!(started.elapsed() < Duration::from_secs(5), "{source:.60}: {:?}", started.elapsed());
    }
}

#[test]
fn input_and_output_are_bounded() {
    let message = "x".repeat(TEMPLATE_INPUT_BYTES_MAX + 1);
    assert_eq!(render("{{ value }}", &message), Err(TemplateError::InputTooLarge(message.len())));
    let message = "x".repeat(TEMPLATE_OUTPUT_BYTES_MAX);
    assert_eq!(render("{{ value }}", &message).unwrap().unwrap().len(), TEMPLATE_OUTPUT_BYTES_MAX);
    assert_eq!(render("{{ value }}y", &message), Err(TemplateError::OutputTooLarge(TEMPLATE_OUTPUT_BYTES_MAX + 1)));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = &deep[..TEMPLATE_INPUT_BYTES_MAX.min(deep.len())];
    assert_eq!(
        render("{{ value_json is defined }}", deep).unwrap().unwrap(),
        "False",
        "JSON that deep is no JSON to us"
    );
}

#[test]
fn what_was_compiled_is_kept_within_a_bound() {
    let mut templates = Templates::new();
    let filling = "x".repeat(TEMPLATE_BYTES_MAX - 40);
    for round in 0..2 * TEMPLATE_CACHE_BYTES_MAX / TEMPLATE_BYTES_MAX {
        let source = format!("{{# {filling} #}}{{{{ {round} }}}}");
        assert_eq!(templates.render(&source, Context::new(NOW)).unwrap().unwrap(), round.to_string());
        assert!(templates.cached_bytes <= TEMPLATE_CACHE_BYTES_MAX);
    }
}

#[test]
fn a_literal_is_what_it_says() {
    for text in ["", "ON", "a \"b\" \\c", "{{ 7 * 7 }}", "{% raw %}", "{# #}", "line\nbreak", "ü"] {
        check(&format!("{{{{ [{}] | first }}}}", literal(text)), "", text.trim());
    }
}

#[test]
fn colours_survive_the_way_through_other_forms() {
    for color in [Rgb(255, 136, 0), Rgb(0, 0, 255), Rgb(255, 255, 255), Rgb(12, 255, 200)] {
        let (hue, saturation) = color.to_hs();
        assert_eq!(Rgb::from_hs(hue, saturation), color);
        let (x, y) = color.to_xy();
        let back = Rgb::from_xy(x, y);
        let near = |one: u8, two: u8| one.abs_diff(two) <= 3;
        assert!(near(back.0, color.0) && near(back.1, color.1) && near(back.2, color.2), "{color:?} {back:?}");
    }
    assert_eq!(parse_color("12,34,56,7"), Some(Rgb(12, 34, 56)));
    assert_eq!(parse_color("FF8800"), Some(Rgb(255, 136, 0)));
    for no_color in ["", "#ff", "1,2", "red", "nan,1,2", "#ü1234"] {
        assert_eq!(parse_color(no_color), None.or(no_color.starts_with("nan").then_some(Rgb(0, 1, 2))), "{no_color}");
    }
}

/// Words and signs that templates are made of.
const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "%}",
    "{%-",
    "-%}",
    "{#",
    "#}",
    "value",
    "value_json",
    "a",
    "b",
    ".",
    "|",
    "~",
    "*",
    "**",
    "+",
    "-",
    "/",
    "//",
    "%",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "==",
    "<",
    "'x'",
    "\"y",
    "1",
    "0.5",
    "99999999999",
    "if",
    "else",
    "elif",
    "endif",
    "for",
    "in",
    "endfor",
    "set",
    "endset",
    "not",
    "is",
    "and",
    "namespace",
    "range",
    "int",
    "float",
    "round",
    "default",
    "split",
    "join",
    "map",
    "sort",
    "tojson",
    "from_json",
    "format",
    "replace",
    "string",
    "list",
    "dict",
    "loop",
    "recursive",
    "macro",
    "raw",
    "endraw",
    "regex_replace",
    "timestamp_custom",
    "now",
    "max",
    "length",
    "first",
    "unique",
    "sum",
    "upper",
    "items",
    "color_hex",
    "defined",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(500))]

    #[test]
    fn any_words_are_rendered_or_refused(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40),
        message in "([0-9]{1,4}|\\{\"a\":[0-9]\\}|\\[1,\"x\"\\]|.{0,8})",
    ) {
        let joined = words.join(" ");
        for source in [joined.clone(), words.concat(), format!("{{{{ {joined} }}}}"), format!("{{% set a = {joined} %}}{{{{ a }}}}")] {
            let mut templates = Templates::new();
            if let Ok(Some(made)) = templates.render(&source, Context::of_message(&message, NOW)) {
                proptest::prop_assert!(made.len() <= TEMPLATE_OUTPUT_BYTES_MAX);
                let again = templates.render(&source, Context::of_message(&message, NOW));
                proptest::prop_assert_eq!(again, Ok(Some(made)), "what is kept compiled makes the same");
            }
        }
    }
}
