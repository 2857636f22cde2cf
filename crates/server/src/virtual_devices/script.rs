//! Scripts: what a definition computes, in rhai, within bounds of steps, size and computing time.
//!
//! A script knows numbers, texts, lists and five names. It has no files, no network, no clock, no modules and no `eval`; the
//! packages it is given are named here one by one, since one of the others can sleep.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage, BasicStringPackage,
    LogicPackage, MoreStringPackage, Package as _,
};
use rhai::{AST, Dynamic, Engine, Scope};
use rustix::time::{ClockId, clock_gettime};

use super::sheet::{SCRIPT_BYTES_MAX, Scalar};
use crate::house::sheet::Number;

/// Steps of one evaluation, and for how long it may compute; it fails beyond. Time that others take from it does not count, so
/// that a busy machine does not change what a script says.
const OPERATIONS_MAX: u64 = 50_000;
const TIME_MAX: Duration = Duration::from_millis(100);
/// How many steps go by unseen: a look at the clock is a system call.
const STEPS_UNSEEN: u64 = 64;
/// Bytes of a text, entries of a list or map, calls within calls, expressions within expressions.
const TEXT_BYTES_MAX: usize = 4 * 1024;
const ENTRIES_MAX: usize = 1_000;
const CALLS_DEPTH_MAX: usize = 16;
const EXPRESSIONS_DEPTH_MAX: usize = 32;

/// A script of one property, ready to be run.
pub(super) struct Script {
    engine: Engine,
    ast: AST,
    began: Arc<Mutex<Duration>>,
    n: i64,
    last: Dynamic,
}

fn engine(began: &Arc<Mutex<Duration>>, chance: Rng) -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    engine.set_max_operations(OPERATIONS_MAX);
    engine.set_max_call_levels(CALLS_DEPTH_MAX);
    engine.set_max_expr_depths(EXPRESSIONS_DEPTH_MAX, EXPRESSIONS_DEPTH_MAX);
    engine.set_max_string_size(TEXT_BYTES_MAX);
    engine.set_max_array_size(ENTRIES_MAX);
    engine.set_max_map_size(ENTRIES_MAX);
    engine.set_max_variables(ENTRIES_MAX);
    engine.set_max_functions(ENTRIES_MAX);
    engine.disable_symbol("eval");
    // Standard output belongs to the hub.
    engine.on_print(|_| ());
    engine.on_debug(|_, _, _| ());
    let since = Arc::clone(began);
    engine.on_progress(move |steps| {
        let is_over = steps % STEPS_UNSEEN == 0 && computed().saturating_sub(*since.lock()) > TIME_MAX;
        is_over.then(|| Dynamic::from("it took too long"))
    });
    let chance = Mutex::new(chance);
    engine.register_fn("random", move || chance.lock().f64());
    engine
}

/// For how long this thread has computed.
fn computed() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Whether a script can be understood; if not, why and where.
pub(super) fn check(text: &str) -> Result<(), String> {
    Script::new(text, Rng::with_seed(0)).map(|_| ())
}

impl Script {
    pub(super) fn new(text: &str, chance: Rng) -> Result<Self, String> {
        if text.len() > SCRIPT_BYTES_MAX {
            return Err(format!("it has {} bytes, and may have {SCRIPT_BYTES_MAX}", text.len()));
        }
        let began = Arc::new(Mutex::new(computed()));
        let engine = engine(&began, chance);
        let ast = engine.compile(text).map_err(|error| error.to_string())?;
        Ok(Self { engine, ast, began, n: 0, last: Dynamic::UNIT })
    }

    /// The next value, `t` seconds after the first and `time` seconds after 1970 began in UTC; `None` if the script has none to say.
    pub(super) fn value(&mut self, t: f64, time: f64) -> Result<Option<Scalar>, String> {
        let mut scope = Scope::new();
        scope.push_constant("t", t);
        scope.push_constant("time", time);
        scope.push_constant("n", self.n);
        scope.push_constant_dynamic("last", self.last.clone());
        *self.began.lock() = computed();
        self.n = self.n.saturating_add(1);
        let value: Dynamic = self
            .engine
            .eval_ast_with_scope(&mut scope, &self.ast)
            .map_err(|error| error.to_string().chars().take(200).collect::<String>())?;
        let scalar = if value.is_unit() {
            return Ok(None);
        } else if let Ok(flag) = value.as_bool() {
            Scalar::Bool(flag)
        } else if let Ok(whole) = value.as_int() {
            #[expect(clippy::cast_precision_loss, reason = "values of devices are small")]
            Scalar::Number(Number(whole as f64))
        } else if let Ok(number) = value.as_float() {
            if !number.is_finite() {
                return Err("the value is no finite number".to_owned());
            }
            Scalar::Number(Number(number))
        } else if value.is_string() {
            Scalar::Text(value.to_string())
        } else {
            return Err(format!("the value is {}; it must be a number, true, false or a text", value.type_name()));
        };
        self.last = value;
        Ok(Some(scalar))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, t: f64) -> Result<Option<Scalar>, String> {
        Script::new(text, Rng::with_seed(7)).and_then(|mut script| script.value(t, 0.0))
    }

    #[test]
    fn it_computes() {
        for (text, expected) in [
            ("t * 2.0", Some(Scalar::Number(Number(5.0)))),
            ("if t > 2.0 { true } else { false }", Some(Scalar::Bool(true))),
            ("let a = [\"low\", \"high\"]; a[n % 2]", Some(Scalar::Text("low".to_owned()))),
            ("n", Some(Scalar::Number(Number(0.0)))),
            ("()", None),
        ] {
            assert_eq!(value(text, 2.5), Ok(expected), "{text}");
        }
        let mut script = Script::new("if last == () { 1 } else { last + 1 }", Rng::with_seed(7)).unwrap();
        let counted: Vec<_> = (0..3).map(|_| script.value(0.0, 0.0).unwrap().unwrap().payload()).collect();
        assert_eq!(counted, ["1", "2", "3"]);
        let random = value("random()", 0.0).unwrap().unwrap().payload().parse::<f64>().unwrap();
        assert!((0.0..1.0).contains(&random));
        assert_eq!(value("random()", 0.0), value("random()", 0.0), "the same seed makes the same chance");
    }

    #[test]
    fn it_is_bounded_and_shut_in() {
        let began = crate::shard::now().instant;
        for text in [
            "loop { }",
            "let x = 0; while true { x += 1; } x",
            "fn f(n) { f(n + 1) } f(0)",
            "let s = \"x\"; loop { s += s; }",
            "let a = [0]; loop { a.push(a); }",
            "sleep(100)",
            "eval(\"1\")",
            "import \"x\" as x; 1",
            "open(\"/etc/passwd\")",
            "1.0 / 0.0",
            "[1, 2]",
            "t = 5",
            "1 +",
            "no_such_thing",
        ] {
            assert!(value(text, 0.0).is_err(), "{text}: {:?}", value(text, 0.0));
        }
        assert!(value(&format!("1{}", "+1".repeat(SCRIPT_BYTES_MAX)), 0.0).is_err());
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }
}
