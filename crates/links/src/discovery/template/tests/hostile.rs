//! Templates that cost more than they seem to: each must be refused, by a bound rather than by an end of memory or patience.

use super::*;

#[track_caller]
fn refused(source: &str, message: &str, part: &str) {
    let error = render(source, message).expect_err(source).to_string();
    assert!(error.contains(part), "{source:.80}: {error}");
}

#[test]
fn what_is_filled_later_is_in_nothing() {
    const OTHER: &str = "within something else";
    let names = ["a", "b", "c", "d"];
    let mut fill: String = names.map(|name| format!("{{% set {name} = namespace() %}}")).concat();
    for two in names.windows(2) {
        fill.push_str(&format!("{{% set {}.x = [{}] %}}", two[0], format!("{},", two[1]).repeat(60)));
    }
    for source in [
        &format!("{fill}{{{{ a ~ '' }}}}"),
        "{% set a = namespace() %}{% set b = [a] %}",
        "{% set a = namespace() %}{{ [a] }}",
        "{% set a = namespace() %}{{ (a, 1) }}",
        "{% set a = namespace() %}{{ {'a': a} }}",
        "{% set a = namespace() %}{% set b = namespace(a=a) %}",
        "{% set a = namespace() %}{% set b = namespace() %}{% set a.x = b %}",
        "{% set a = namespace() %}{% set a.x = a %}{{ a }}",
        "{% for i in [1] %}{% set a = loop %}{{ [a] }}{% endfor %}",
    ] {
        refused(source, "1", OTHER);
    }
    check("{% set a = namespace(x=[1]) %}{% set a.x = a.x + [2] %}{% set b = a %}{{ b.x }}", "", "[1,2]");
}

#[test]
fn no_item_is_given_a_list() {
    let json = format!(r#"{{"{}":0}}"#, "k".repeat(60_000));
    for source in [
        "{{ (range(24)|map('iif', range(999)|map('iif', value_json)|list)|list) ~ '' }}",
        "{{ range(999)|map('default', value_json)|list|string }}",
        "{{ range(999)|map('attr', value_json)|join }}",
        "{{ [{}, {}]|map(attribute='x', default=value_json)|list }}",
    ] {
        refused(source, &json, "for each item");
    }
    check(
        "{{ ['1', '2']|map('int')|sum }} {{ value_json|map(attribute='a', default=3)|list }}",
        r#"[{"a":1},{}]"#,
        "3 [1,3]",
    );
}

#[test]
fn what_is_spelled_is_paid_for_by_its_size() {
    let json = format!(r#"{{"{}":0}}"#, "k".repeat(60_000));
    for source in [
        format!("{{{{ [{}] ~ '' }}}}", "value_json,".repeat(300)),
        format!("{{{{ [{}] in 'x' }}}}", "value_json,".repeat(300)),
        format!("{{{{ x in ({}) }}}}", "value_json,".repeat(300)),
        format!("{{{{ x is eq [{}] }}}}", "value_json,".repeat(300)),
        format!("{{{{ {{1: [value_json], 2: {{3: ({})}}}} | string }}}}", "value_json,".repeat(300)),
    ] {
        refused(&source, &json, "too large");
    }
    for source in [
        format!("{{{{ ({}[value_json]) ~ '' }}}}", "[value_json] + ".repeat(300)),
        format!("{{{{ [{}] | length }}}}", "[value_json],".repeat(200)),
        format!("{{{{ namespace({}x=1) ~ '' }}}}", (0..200).map(|n| format!("x{n}=value_json,")).collect::<String>()),
    ] {
        assert!(render(&source, &json).is_err(), "{source:.60}");
    }
    // What is spelled as before means the same.
    for (source, expected) in [
        ("{{ {'a': {'b': [1, 2]}}['a'].b[1] }}", "2"),
        ("{{ [[1, 2], [3]][0][1:] }}", "[2]"),
        ("{{ (1, 2)[1] }}{{ (1 + 2) * 3 }}", "29"),
        ("{{ 2 in [1, 2] and 3 not in (1, 2) }}", "True"),
        ("{{ 'yes' if [] else 'no' }}", "no"),
        ("{{ [1] is eq [1] }}{{ 4 is divisibleby(2) }}{{ 1 is in([1]) }}", "TrueTrueTrue"),
        ("{{ value.split(',')[0] + 'x' }}{{ 1 + -1 }}", "1x0"),
        ("{% for a, b in {'x': 1}.items() %}{{ a }}{{ b }}{% endfor %}", "x1"),
        ("{{ [1] + [2] }}", "[1,2]"),
        ("{{ '{} {}'.format('a', [1]|first) }}", "a 1"),
    ] {
        check(source, "1,2", expected);
    }
}

#[test]
fn what_measures_cannot_be_replaced() {
    for name in ["hw__measure", "hw__measure_member", "hw__measured", "hw__factor"] {
        refused(&format!("{{% set {name} = iif %}}"), "", "the hub's own");
    }
    check("{{ value_json.hw_version }}", r#"{"hw_version":1}"#, "1");
}

#[test]
fn each_field_is_paid_for() {
    let json = format!(r#"["{}"]"#, "k".repeat(30_000));
    for source in [
        "{% set a = value_json %}{{ ('%(a)s' * 900) | format(a=a) }}".to_owned(),
        "{% set a = value_json %}{{ ('{0}' * 60).format(a) }}".to_owned(),
        "{{ ('{0}' * 60).format(('{0}' * 60).format(('{0}' * 60).format(value))) }}".to_owned(),
    ] {
        assert_eq!(render(&source, &json), Err(TemplateError::OutOfFuel), "{source}");
    }
}

#[test]
fn keys_are_written_within_the_bound() {
    let json = format!(r#"{{"{}":0}}"#, "k".repeat(60_000));
    let many = format!("[{}]", vec![r#"{"":0}"#; 3_000].join(","));
    assert_eq!(
        render(&format!("{}", "{{ value_json | to_json }}".repeat(6)), &json),
        Err(TemplateError::OutOfFuel),
        "a key costs what it writes"
    );
    let controls = format!(r#"["{}"]"#, "\\u0001".repeat(10_000));
    check("{{ value_json | to_json | length }}", &controls, "60004");
    refused("{{ [value_json, value_json] | to_json }}", &controls, "more than a value may have");
    assert!(render("{{ value_json }}", &many).is_ok());
}

#[test]
fn a_search_is_paid_for_at_each_match() {
    let long = "x".repeat(60_000);
    for source in [
        "{{ value|regex_findall('.*[^A-Z]|[A-Z]') }}",
        "{{ value|regex_replace('a', 'b') }}",
        "{{ value is match('a') }}",
        "{{ value is search('a') }}",
        "{{ 'a'|regex_search(value) }}",
    ] {
        refused(source, &long, "more than 4096 bytes");
    }
    let text = "A".repeat(4_000);
    for source in ["{{ value|regex_findall('.*[^A-Z]|[A-Z]') }}", "{{ value|regex_replace('.*[^A-Z]|[A-Z]', 'x') }}"] {
        assert_eq!(render(source, &text), Err(TemplateError::OutOfFuel), "{source}");
    }
    refused(&format!("{{{{ value|regex_search('{}') }}}}", "(a)".repeat(17)), "a", "17 groups");
    let with = "\\\\1".repeat(1_000);
    assert_eq!(
        render(&format!("{{{{ value|regex_replace('(.*)', '{with}') }}}}"), &text),
        Err(TemplateError::OutOfFuel)
    );
    for (source, expected) in [
        ("{{ value|regex_findall('[0-9]*') }}", r#"["1","22"]"#),
        ("{{ value|regex_replace('[0-9]*', '-') }}", "-ä-"),
        ("{{ value|regex_replace('([0-9])', '<\\\\1>') }}", "<1>ä<2><2>"),
        ("{{ value|regex_findall('x*') | length }}", "5"),
        ("{{ value|regex_findall('([0-9])(ä)?') }}", r#"["1","2","2"]"#),
    ] {
        check(source, "1ä22", expected);
    }
}

#[test]
fn looking_at_a_text_is_paid_for() {
    let text = "1".repeat(60_000);
    for call in [
        "bool(value, 0)",
        "int(value, 0)",
        "float(value, 0)",
        "as_timestamp(value, 0)",
        "as_datetime(value, 0)",
        "value is is_number",
        "value is lower",
        "value is upper",
        "value is startingwith('x')",
        "value is endingwith('x')",
    ] {
        let source = format!("{{% for i in range(100) %}}{{{{ {call} }}}}{{% endfor %}}");
        assert_eq!(render(&source, &text), Err(TemplateError::OutOfFuel), "{call}");
    }
    check("{{ 'a' is lower }}{{ value is startingwith('1') }}{{ value is endingwith('x') }}", "1", "TrueTrueFalse");
}
